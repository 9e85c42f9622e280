# Copies the assets to where runners of the build tree look for them, and installs them to where
# installed runners do (see envs/assets.h).
file(GLOB asset_files CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/assets/*.xml)
set(asset_copies "")
foreach(file ${asset_files})
  get_filename_component(name ${file} NAME)
  set(copy ${PROJECT_BINARY_DIR}/share/costate/assets/${name})
  add_custom_command(OUTPUT ${copy}
                     COMMAND ${CMAKE_COMMAND} -E copy ${file} ${copy}
                     DEPENDS ${file} VERBATIM)
  list(APPEND asset_copies ${copy})
endforeach()
add_custom_target(costate_assets ALL DEPENDS ${asset_copies})
install(FILES ${asset_files} DESTINATION ${CMAKE_INSTALL_DATADIR}/costate/assets)
