// Our MJCF models against the tables of mechanics that the reference tasks' documentation and
// sources give (facts/*.txt): a plain model is built from a table's rows, one element a row and no
// default classes, and everything in it that takes part in the simulation must equal ours.
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <mujoco/mjxmacro.h>
#include <mujoco/mujoco.h>
#include <sstream>
#include <string>
#include <string_view>
#include <tuple>
#include <unistd.h>
#include <vector>

#include "envs/assets.h"
#include "envs/mujoco/model.h"
#include "envs/random.h"

using namespace costate;

namespace {

namespace fs = std::filesystem;

struct Element {
  std::string tag;
  std::string attributes;
  std::string name;
};

/// The elements of a table by the place that holds them, in order.
std::map<std::string, std::vector<Element>> read_table(const fs::path& file) {
  std::map<std::string, std::vector<Element>> places;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line.front() == '#') continue;
    std::istringstream words(line);
    std::string place;
    Element element;
    words >> place >> element.tag;
    std::getline(words, element.attributes);
    if (const auto start = line.find("name=\""); start != std::string::npos) {
      element.name = line.substr(start + 6, line.find('"', start + 6) - start - 6);
    }
    places[place].push_back(element);
  }
  return places;
}

std::string to_xml(const std::map<std::string, std::vector<Element>>& places,
                   const std::string& place) {
  std::string xml;
  const auto held = places.find(place);
  if (held == places.end()) return xml;
  for (const Element& element : held->second) {
    // What an element holds goes by its name, or by its tag where it has none (option).
    std::string inside;
    const bool holds = element.tag == "body" || element.tag == "fixed" || element.tag == "spatial";
    if (holds) inside = to_xml(places, element.name);
    if (element.tag == "option") inside = to_xml(places, "option");
    xml += "<" + element.tag + element.attributes + ">" + inside + "</" + element.tag + ">";
  }
  return xml;
}

std::shared_ptr<mjModel> compile_table(const fs::path& file) {
  const auto places = read_table(file);
  std::string xml = "<mujoco>" + to_xml(places, "mujoco");
  for (const char* section : {"worldbody", "tendon", "equality", "actuator", "sensor"}) {
    xml += std::string("<") + section + ">" + to_xml(places, section) + "</" + section + ">";
  }
  xml += "</mujoco>";
  const fs::path copy = fs::temp_directory_path() / ("costate_facts_" + file.stem().string() + "_" +
                                                     std::to_string(getpid()) + ".xml");
  std::ofstream(copy) << xml;
  std::array<char, 1000> message{};
  mjModel* model = mj_loadXML(copy.c_str(), nullptr, message.data(), message.size());
  fs::remove(copy);
  INFO(message.data());
  REQUIRE(model != nullptr);
  return {model, mj_deleteModel};
}

/// Whether an array of mjModel decides nothing in a simulation: names, looks, cameras and lights.
bool is_decoration(std::string_view name) {
  for (const char* prefix :
       {"name_", "names", "cam_", "light_", "mat_", "tex_", "skin_", "text_", "tuple_", "key_"}) {
    if (name.starts_with(prefix)) return true;
  }
  for (const char* suffix : {"_rgba", "_group", "_matid", "_user", "_nameadr"}) {
    if (name.ends_with(suffix)) return true;
  }
  return name == "geom_sameframe" || name == "site_sameframe";
}

template <class T>
void require_equal(const char* name, const T* ours, const T* theirs, int count) {
  if (is_decoration(name)) return;
  for (int i = 0; i < count; ++i) {
    const auto a = static_cast<double>(ours[i]);
    const auto b = static_cast<double>(theirs[i]);
    if (std::abs(a - b) <= 1e-12 * (1.0 + std::abs(b))) continue;
    FAIL_CHECK(name << "[" << i << "] is " << a << ", the table says " << b);
  }
}

void require_equal_models(const mjModel& ours, const mjModel& theirs) {
  for (const auto& [name, a, b] : std::initializer_list<std::tuple<const char*, int, int>>{
           {"nq", ours.nq, theirs.nq},
           {"nv", ours.nv, theirs.nv},
           {"nu", ours.nu, theirs.nu},
           {"na", ours.na, theirs.na},
           {"nbody", ours.nbody, theirs.nbody},
           {"njnt", ours.njnt, theirs.njnt},
           {"ngeom", ours.ngeom, theirs.ngeom},
           {"nsite", ours.nsite, theirs.nsite},
           {"ntendon", ours.ntendon, theirs.ntendon},
           {"nwrap", ours.nwrap, theirs.nwrap},
           {"neq", ours.neq, theirs.neq},
           {"nexclude", ours.nexclude, theirs.nexclude},
           {"npair", ours.npair, theirs.npair},
           {"nsensor", ours.nsensor, theirs.nsensor}}) {
    INFO(name);
    REQUIRE(a == b);
  }
#define X(type, name, first, second)                                                      \
  if (std::string_view(#first) != "ncam" && std::string_view(#first) != "nlight") {       \
    require_equal(#name, ours.name, theirs.name, theirs.first* static_cast<int>(second)); \
  }
  MJMODEL_POINTERS_PREAMBLE((&theirs))
  static_cast<void>(std::tuple(nq, nv, na, nu, nmocap));  // rows, which not all arrays are made of
  MJMODEL_POINTERS
#undef X
#define X(type, name) CHECK(ours.opt.name == theirs.opt.name);
  MJOPTION_INTS
  MJOPTION_FLOATS
#undef X
#define X(name, count) require_equal("opt." #name, ours.opt.name, theirs.opt.name, count);
  MJOPTION_VECTORS
#undef X
}

/// The farthest that the two come apart over random control steps, relative to 1 + |x|.
double drift(const mjModel& ours, const mjModel& theirs) {
  using Data = std::unique_ptr<mjData, void (*)(mjData*)>;
  const Data a(mj_makeData(&ours), mj_deleteData);
  const Data b(mj_makeData(&theirs), mj_deleteData);
  RandomStream random(1);
  double farthest = 0.0;
  for (int i = 0; i < 200; ++i) {
    for (int u = 0; u < ours.nu; ++u) {
      a->ctrl[u] = b->ctrl[u] = random.uniform(-1.0, 1.0);
    }
    mj_step(&ours, a.get());
    mj_step(&theirs, b.get());
    for (int k = 0; k < ours.nq; ++k) {
      farthest =
          std::max(farthest, std::abs(a->qpos[k] - b->qpos[k]) / (1.0 + std::abs(b->qpos[k])));
    }
    for (int k = 0; k < ours.nv; ++k) {
      farthest =
          std::max(farthest, std::abs(a->qvel[k] - b->qvel[k]) / (1.0 + std::abs(b->qvel[k])));
    }
  }
  return farthest;
}

}  // namespace

TEST_CASE("Every MJCF model is what the table of its mechanics says") {
  int models = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(COSTATE_TEST_DATA) / "envs" / "facts")) {
    const std::string name = entry.path().stem().string();
    INFO(name);
    const auto ours = shared_model(asset_path(name + ".xml"));
    const auto theirs = compile_table(entry.path());
    require_equal_models(*ours, *theirs);
    CHECK(drift(*ours, *theirs) < 1e-9);
    ++models;
  }
  CHECK(models == 22);
}
