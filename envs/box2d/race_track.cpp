#include "envs/box2d/race_track.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <numbers>

namespace costate {
namespace {

constexpr double kPi = std::numbers::pi;
constexpr double kScale = 6.0;
constexpr double kRadius = 900.0 / kScale;
constexpr std::size_t kCheckpoints = 12;
constexpr double kTurnRate = 0.31;      // rad in a step, at most
constexpr std::size_t kKerbLength = 4;  // tiles
constexpr int kLaps = 5;

struct Checkpoint {
  double angle = 0.0;  // as seen from the origin
  double x = 0.0;
  double y = 0.0;
};

std::array<Checkpoint, kCheckpoints> place_checkpoints(Draws& draws) {
  std::array<Checkpoint, kCheckpoints> checkpoints;
  constexpr double kSector = 2.0 * kPi / kCheckpoints;
  for (std::size_t c = 0; c < kCheckpoints; ++c) {
    double angle = kSector * static_cast<double>(c) + draws.uniform(0.0, kSector);
    double radius = draws.uniform(kRadius / 3.0, kRadius);
    // The two beside the start lie far out, on the sector's edge.
    if (c == 0 || c == kCheckpoints - 1) {
      angle = kSector * static_cast<double>(c);
      radius = 1.5 * kRadius;
    }
    checkpoints[c] = {angle, radius * std::cos(angle), radius * std::sin(angle)};
  }
  return checkpoints;
}

/// The quad between two lines across the road, each from `inner` to `outer` m beside the middle.
RaceTrack::Quad quad(const RaceTrack::Node& a, const RaceTrack::Node& b, double inner,
                     double outer) {
  const auto beside = [](const RaceTrack::Node& node, double distance) {
    return Point{node.x + distance * std::cos(node.heading),
                 node.y + distance * std::sin(node.heading)};
  };
  return {beside(a, inner), beside(a, outer), beside(b, outer), beside(b, inner)};
}

}  // namespace

RaceTrack RaceTrack::make(Draws& draws) {
  RaceTrack track;
  while (track.points.empty()) track.points = drive(draws);
  track.mark_kerbs();
  return track;
}

std::vector<RaceTrack::Node> RaceTrack::drive(Draws& draws) {
  const auto checkpoints = place_checkpoints(draws);
  constexpr double kStartAngle = -kPi / kCheckpoints;
  std::vector<Node> points;
  std::vector<double> angles;  // of the points, as seen from the origin
  double x = 1.5 * kRadius;
  double y = 0.0;
  double heading = 0.0;
  std::size_t target = 0;
  int laps = 0;
  bool was_on_other_side = false;
  while (laps < kLaps && points.size() < kMaxPoints) {
    double angle = std::atan2(y, x);
    if (was_on_other_side && angle > 0.0) {
      ++laps;
      was_on_other_side = false;
    }
    if (angle < 0.0) {
      was_on_other_side = true;
      angle += 2.0 * kPi;
    }
    // The next checkpoint ahead; past the last one the angle starts from below again.
    while (angle > checkpoints[target % kCheckpoints].angle) {
      ++target;
      if (target % kCheckpoints == 0) angle -= 2.0 * kPi;
    }
    const Checkpoint& ahead = checkpoints[target % kCheckpoints];
    const double aside =
        kScale * (std::cos(heading) * (ahead.x - x) + std::sin(heading) * (ahead.y - y));
    while (heading - angle > 1.5 * kPi) heading -= 2.0 * kPi;
    while (heading - angle < -1.5 * kPi) heading += 2.0 * kPi;
    const double previous = heading;
    if (std::abs(aside) > 0.3) {
      heading -= std::copysign(std::min(kTurnRate, std::abs(0.001 * aside)), aside);
    }
    // The step still goes along the heading from before the turn.
    const double direction = previous;
    x -= std::sin(direction) * kStep;
    y += std::cos(direction) * kStep;
    points.push_back({0.5 * (previous + heading), x, y});
    angles.push_back(angle);
  }

  // The last whole lap, without its final point.
  const auto passes_start = [&](std::size_t i) {
    return angles[i] > kStartAngle && angles[i - 1] <= kStartAngle;
  };
  std::size_t last = points.size() - 1;
  while (last > 0 && !passes_start(last)) --last;
  if (last == 0) return {};
  std::size_t first = last - 1;
  while (first > 0 && !passes_start(first)) --first;
  if (first == 0) return {};
  points.erase(points.begin() + static_cast<std::ptrdiff_t>(last) - 1, points.end());
  points.erase(points.begin(), points.begin() + static_cast<std::ptrdiff_t>(first));

  const Node& head = points.front();
  const Node& tail = points.back();
  const double gap = std::hypot(std::cos(head.heading) * (head.x - tail.x),
                                std::sin(head.heading) * (head.y - tail.y));
  if (gap > kStep) return {};
  return points;
}

RaceTrack::Quad RaceTrack::tile(std::size_t i) const {
  return quad(points[i], before(i), -kHalfWidth, kHalfWidth);
}

RaceTrack::Quad RaceTrack::kerb(std::size_t i) const {
  const double side = before(i).heading < points[i].heading ? -1.0 : 1.0;
  return quad(points[i], before(i), side * kHalfWidth, side * (kHalfWidth + kBorder));
}

void RaceTrack::mark_kerbs() {
  const std::size_t n = points.size();
  has_kerb.assign(n, false);
  // How far the road turns at the tile `back` tiles before i.
  const auto turn = [&](std::size_t i, std::size_t back) {
    const std::size_t at = (i + n - back) % n;
    return points[at].heading - before(at).heading;
  };
  for (std::size_t i = 0; i < n; ++i) {
    bool left = true;
    bool right = true;
    for (std::size_t back = 0; back < kKerbLength; ++back) {
      left = left && turn(i, back) > 0.2 * kTurnRate;
      right = right && turn(i, back) < -0.2 * kTurnRate;
    }
    if (!left && !right) continue;
    for (std::size_t back = 0; back < kKerbLength; ++back) has_kerb[(i + n - back) % n] = true;
  }
}

}  // namespace costate
