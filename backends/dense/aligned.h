// Blocks of floats that begin on a cache line, as vector loads want them.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace costate {

template <class T>
struct CacheAligned {
  using value_type = T;
  static constexpr std::align_val_t kAlignment{64};

  CacheAligned() = default;
  template <class U>
  explicit CacheAligned(const CacheAligned<U>& /*other*/) {}

  T* allocate(std::size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), kAlignment)); }
  void deallocate(T* p, std::size_t /*n*/) { ::operator delete(p, kAlignment); }
  bool operator==(const CacheAligned& /*other*/) const { return true; }
};

using AlignedFloats = std::vector<float, CacheAligned<float>>;

}  // namespace costate
