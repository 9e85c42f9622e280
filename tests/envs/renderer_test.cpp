// Pictures of MuJoCo's models: the ground under who runs far, and walls.
#include "envs/mujoco/renderer.h"

#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "envs/assets.h"
#include "envs/env_config.h"
#include "envs/mujoco/model.h"

namespace costate {
namespace {

/// `id` with its first coordinate at x and all else as at the noise-free start.
Picture picture_at(const std::string& id, double x) {
  auto env = make_env(id);
  std::vector<double> observation(static_cast<std::size_t>(env->spec().observation.size()));
  env->reset_to({}, observation);
  PhysicalState state = env->physical_state();
  state.qpos[0] = x;
  env->reset_to(state, observation);
  Picture picture;
  env->render({.width = 160, .height = 120, .camera = ""}, picture);
  return picture;
}

/// The mean difference of two pictures' numbers, of 255.
double difference(const Picture& a, const Picture& b) {
  REQUIRE(a.rgb.size() == b.rgb.size());
  double sum = 0.0;
  for (std::size_t i = 0; i < a.rgb.size(); ++i) sum += std::abs(a.rgb[i] - b.rgb[i]);
  return sum / static_cast<double>(a.rgb.size());
}

TEST_CASE("The camera that follows a runner sees the checks of the floor pass by") {
  // They repeat every two metres. The files have the floor end at 20 m or 100 m. A shadow goes with
  // the runner; how bright the floor is changes a little, as MuJoCo lights its corners alone.
  for (const std::string id : {"Hopper-v5", "dmc/humanoid-run"}) {
    INFO(id);
    const Picture start = picture_at(id, 0.0);
    for (const double far : {38.0, 1000.0}) {
      INFO(far);
      CHECK(difference(start, picture_at(id, far)) < 2.0);
      CHECK(difference(start, picture_at(id, far + 1.0)) > 6.0);
    }
  }
}

TEST_CASE("Floors have no end, walls that of the file") {
  const auto reacher = shared_model(asset_path("dmc_reacher.xml"));
  const auto floor = mj_name2id(reacher.get(), mjOBJ_GEOM, "ground");
  const auto wall = mj_name2id(reacher.get(), mjOBJ_GEOM, "wall_x");
  CHECK(is_floor(*reacher, floor));
  CHECK_FALSE(is_floor(*reacher, wall));
  CHECK_FALSE(is_floor(*reacher, mj_name2id(reacher.get(), mjOBJ_GEOM, "target")));

  const Scene scene = make_env("dmc/reacher-easy")->scene();
  std::vector<std::array<double, 2>> planes;
  for (const SceneShape& shape : scene.shapes) {
    if (shape.kind == SceneShape::Kind::kPlane) planes.push_back({shape.size[0], shape.size[1]});
  }
  const std::vector<std::array<double, 2>> expected = {
      {0.0, 0.0}, {0.02, 0.3}, {0.3, 0.02}, {0.02, 0.3}, {0.3, 0.02}};
  CHECK(planes == expected);

  // Seen from above, the walls stand about the table and leave the rest of it light.
  Picture picture;
  auto env = make_env("dmc/reacher-easy");
  std::vector<double> observation(static_cast<std::size_t>(env->spec().observation.size()));
  env->reset(1, observation);
  env->render({.width = 160, .height = 120, .camera = ""}, picture);
  int dark = 0;
  for (std::size_t i = 0; i < picture.rgb.size(); i += 3) dark += picture.rgb[i] < 60;
  CHECK(dark > 100);
  CHECK(dark < 160 * 120 / 10);
}

}  // namespace
}  // namespace costate
