// Rounding to float32, for tasks whose observations are defined so.
#pragma once

namespace costate {

/// The double nearest to `value` among those that a float holds.
inline double round_to_float32(double value) {
  // GCC 12 drops the rounding of two neighbours at -O2 (its SLP vectoriser takes the pair of
  // conversions for none). What an empty assembler statement might have changed cannot be dropped.
#if defined(__x86_64__)
  float rounded = static_cast<float>(value);
  asm("" : "+x"(rounded));
#elif defined(__aarch64__)
  float rounded = static_cast<float>(value);
  asm("" : "+w"(rounded));
#else
  const volatile float rounded = static_cast<float>(value);
#endif
  return rounded;
}

}  // namespace costate
