// A point of the plane.
#pragma once

namespace costate {

struct Point {
  double x = 0.0;
  double y = 0.0;
};

}  // namespace costate
