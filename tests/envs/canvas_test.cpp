// The canvas: covered areas of pixels by hand, and pictures of the environments that are drawn with
// it.
#include "envs/render/canvas.h"

#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <string>
#include <vector>

#include "envs/env_config.h"

namespace costate {
namespace {

std::array<int, 3> pixel(const Picture& picture, int x, int y) {
  const std::uint8_t* at = picture.rgb.data() + 3 * (y * picture.width + x);
  return {at[0], at[1], at[2]};
}

Picture picture_of(const Canvas& canvas) {
  Picture picture;
  canvas.copy_to(picture);
  return picture;
}

/// The sum of a picture's red channel, in white pixels.
double white_area(const Picture& picture) {
  double sum = 0.0;
  for (std::size_t i = 0; i < picture.rgb.size(); i += 3) sum += picture.rgb[i] / 255.0;
  return sum;
}

constexpr Color kWhite = {255, 255, 255};

TEST_CASE("A canvas colours pixels by the share of them that a shape covers") {
  Canvas canvas(4, 3);
  canvas.clear({10, 20, 30});
  canvas.fill({{1.0, 1.0}, {2.5, 1.0}, {2.5, 2.0}, {1.0, 2.0}}, {210, 220, 130});
  const Picture picture = picture_of(canvas);
  REQUIRE(picture.width == 4);
  REQUIRE(picture.height == 3);
  REQUIRE(picture.rgb.size() == 36);
  CHECK(pixel(picture, 0, 0) == std::array{10, 20, 30});
  CHECK(pixel(picture, 1, 1) == std::array{210, 220, 130});
  CHECK(pixel(picture, 3, 1) == std::array{10, 20, 30});
  const auto half = pixel(picture, 2, 1);
  CHECK(std::abs(half[0] - 110) <= 2);
  CHECK(std::abs(half[1] - 120) <= 2);
  CHECK(std::abs(half[2] - 80) <= 2);
}

TEST_CASE("A canvas fills the areas of circles, polygons and lines") {
  Canvas canvas(100, 80);
  canvas.clear({});
  canvas.fill_circle({50.0, 40.0}, 20.0, kWhite);
  CHECK(white_area(picture_of(canvas)) == Approx(std::numbers::pi * 400.0).epsilon(0.005));
  canvas.clear({});
  canvas.fill({{10.0, 10.0}, {70.0, 20.0}, {30.0, 70.0}}, kWhite);
  CHECK(white_area(picture_of(canvas)) == Approx(0.5 * (60.0 * 60.0 - 20.0 * 10.0)).epsilon(0.005));
  canvas.clear({});
  canvas.draw_lines({{20.0, 20.0}, {50.0, 60.0}}, 6.0, kWhite);  // and two half circles
  CHECK(white_area(picture_of(canvas)) ==
        Approx(50.0 * 6.0 + std::numbers::pi * 9.0).epsilon(0.01));
}

TEST_CASE("A canvas shows a rectangle in the middle, y up and undistorted") {
  Canvas canvas(100, 50);
  canvas.clear({});
  canvas.show(-1.0, 1.0, 0.0, 2.0);  // 25 pixels a unit, from x = −2 to 2
  canvas.fill({{0.0, 0.0}, {2.0, 0.0}, {2.0, 1.0}, {0.0, 1.0}}, kWhite);
  const Picture picture = picture_of(canvas);
  CHECK(white_area(picture) == Approx(50.0 * 25.0));
  CHECK(pixel(picture, 50, 25)[0] == 255);
  CHECK(pixel(picture, 99, 49)[0] == 255);
  CHECK(pixel(picture, 50, 24)[0] == 0);
  CHECK(pixel(picture, 49, 25)[0] == 0);
}

TEST_CASE("Views are composed from the inside out") {
  const View twice = {2.0, 0.0, 1.0, 0.0, 2.0, -1.0};
  const View quarter_turn = {0.0, -1.0, 3.0, 1.0, 0.0, 4.0};  // (x, y) → (3 − y, 4 + x)
  const View both = twice.of(quarter_turn);
  // (5, 6) → (−3, 9) → (−5, 17)
  CHECK(both.xx * 5.0 + both.xy * 6.0 + both.x0 == -5.0);
  CHECK(both.yx * 5.0 + both.yy * 6.0 + both.y0 == 17.0);
}

TEST_CASE("Digits light the segments that they have") {
  // Segments of 0 … 9 as everyone knows them.
  const std::array<int, 10> segments = {6, 2, 5, 5, 4, 5, 6, 3, 7, 6};
  const auto lit = [](const std::string& text) {
    Canvas canvas(400, 120);
    canvas.clear({});
    canvas.draw_number(text, {20.0, 20.0}, 80.0, kWhite);
    return white_area(picture_of(canvas));
  };
  const double eight = lit("8");
  const double segment = lit("-");
  for (int digit = 0; digit < 10; ++digit) {
    // Neighbouring segments overlap at their ends.
    const double area = lit(std::to_string(digit));
    CHECK(area <= segments[static_cast<std::size_t>(digit)] * segment + 1e-9);
    CHECK(area > 0.75 * segments[static_cast<std::size_t>(digit)] * segment);
    CHECK(area <= eight);
  }
  CHECK(lit("11") == Approx(2.0 * lit("1")).epsilon(0.01));
}

TEST_CASE("A canvas of an impossible size is an error") {
  CHECK_THROWS_AS(Canvas(-3, 5), Error);
}

/// The mean place of the pixels of a colour, or NaN.
std::array<double, 2> centre_of(const Picture& picture, std::array<int, 3> color) {
  double count = 0.0;
  std::array<double, 2> sum{};
  for (int y = 0; y < picture.height; ++y) {
    for (int x = 0; x < picture.width; ++x) {
      if (pixel(picture, x, y) != color) continue;
      sum[0] += x + 0.5;
      sum[1] += y + 0.5;
      count += 1.0;
    }
  }
  return {sum[0] / count, sum[1] / count};
}

Picture picture_from(const std::string& id, const std::vector<double>& state) {
  auto env = make_env(id);
  std::vector<double> observation(static_cast<std::size_t>(env->spec().observation.size()));
  PhysicalState start;
  start.state = state;
  env->reset_to(start, observation);
  Picture picture;
  env->render({.width = 300, .height = 300, .camera = ""}, picture);
  return picture;
}

TEST_CASE("Pictures of classic control show where things are") {
  SECTION("cart") {
    // 4.8 m are 300 pixels wide; the axle sits on the cart.
    for (const double x : {-1.0, 0.0, 1.5}) {
      const auto centre =
          centre_of(picture_from("CartPole-v1", {x, 0.0, 0.3, 0.0}), {129, 132, 203});
      CHECK(centre[0] == Approx(150.0 + x * 300.0 / 4.8).margin(1.0));
    }
  }
  SECTION("pendulum") {
    // A rod from the middle, counterclockwise from upright: its middle is half a length away.
    for (const double angle : {0.4, 2.0, -1.0}) {
      const auto centre = centre_of(picture_from("Pendulum-v1", {angle, 0.0}), {204, 77, 77});
      CHECK(std::atan2(-(centre[0] - 150.0), 150.0 - centre[1]) == Approx(angle).margin(0.05));
    }
  }
  SECTION("double integrator") {
    // 4.5 m are 300 pixels wide. A line shows where the mass is after a second; a ball ends it.
    for (const double x : {-1.0, 0.0, 1.5}) {
      const auto mass = centre_of(picture_from("DoubleIntegrator-v0", {x, 0.0}), {90, 130, 190});
      CHECK(mass[0] == Approx(150.0 + x * 300.0 / 4.5).margin(1.0));
      for (const double v : {-0.6, 0.4}) {
        const auto line = centre_of(picture_from("DoubleIntegrator-v0", {x, v}), {204, 77, 77});
        const double ahead = (line[0] - 150.0) * 4.5 / 300.0 - x;
        CHECK(ahead / v > 0.5);
        CHECK(ahead / v < 1.0);
      }
    }
  }
  SECTION("acrobot") {
    // Hanging straight down to the left: both joints and links on one line.
    const auto centre = centre_of(picture_from("Acrobot-v1", {-0.5, 0.0, 0.0, 0.0}), {0, 204, 204});
    CHECK(std::atan2(centre[0] - 150.0, centre[1] - 150.0) == Approx(-0.5).margin(0.05));
  }
  SECTION("mountain car") {
    for (const std::string id : {"MountainCar-v0", "MountainCarContinuous-v0"}) {
      for (const double x : {-1.0, -0.5, 0.3}) {
        const auto centre = centre_of(picture_from(id, {x, 0.0}), {118, 128, 140});
        CHECK(centre[0] == Approx((x + 1.2) / 1.8 * 300.0).margin(4.0));
      }
    }
  }
}

TEST_CASE("The same state gives the same picture, another state another one") {
  for (const std::string id :
       {"Acrobot-v1", "CartPole-v1", "DoubleIntegrator-v0", "MountainCar-v0",
        "MountainCarContinuous-v0", "Pendulum-v1", "LunarLander-v3", "LunarLanderContinuous-v3",
        "BipedalWalker-v3", "BipedalWalkerHardcore-v3", "CarRacing-v3"}) {
    INFO(id);
    const RenderOptions size = {.width = 120, .height = 90, .camera = ""};
    const auto after = [&](int steps) {
      auto env = make_env(id);
      std::vector<double> observation(static_cast<std::size_t>(env->spec().observation.size()));
      const std::vector<float> action(static_cast<std::size_t>(env->spec().action.size()), 0.0f);
      env->reset(1, observation);
      for (int i = 0; i < steps; ++i) env->step(action, observation);
      Picture picture;
      env->render(size, picture);
      return picture;
    };
    const Picture first = after(0);
    CHECK(first.width == 120);
    CHECK(first.height == 90);
    CHECK(first.rgb == after(0).rgb);
    CHECK(first.rgb != after(20).rgb);

    auto env = make_env(id);
    Picture picture;
    CHECK_THROWS_AS(env->render({.width = 120, .height = 90, .camera = "side"}, picture),
                    UsageError);
  }
}

}  // namespace
}  // namespace costate
