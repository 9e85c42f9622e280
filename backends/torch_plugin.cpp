#include "backends/torch_plugin.h"

#include <dlfcn.h>
#include <string>

#include "envs/error.h"

namespace costate {
namespace {

const TorchPlugin& load() {
  // A bare name is looked for in the executable's RUNPATH, which is the executable's own folder.
  const char* library = "libcostate_torch.so";
  void* handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  void* entry = handle == nullptr ? nullptr : dlsym(handle, "costate_torch_plugin");
  if (entry == nullptr) throw Error(std::string("cannot load ") + library + ": " + dlerror());
  return *reinterpret_cast<const TorchPlugin* (*)()>(entry)();
}

}  // namespace

const TorchPlugin& torch_plugin() {
  static const TorchPlugin& plugin = load();
  return plugin;
}

}  // namespace costate
