#include "tests/allocation_counter.h"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace costate {
namespace {

std::atomic<std::uint64_t> of_all = 0;
thread_local std::uint64_t of_this_thread = 0;

void count() {
  ++of_all;
  ++of_this_thread;
}

}  // namespace

std::uint64_t allocations() {
  return of_all;
}
std::uint64_t allocations_here() {
  return of_this_thread;
}

}  // namespace costate

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

// Sanitizers bring an allocator of their own, so only C++'s can be counted. Kept out of line, where
// the compiler would warn of free() for what it takes for the built-in new.
[[gnu::noinline]] void* operator new(std::size_t size) {
  costate::count();
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  costate::count();
  return std::malloc(size);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

#else

// The C library's allocator, which is under C++'s and everyone else's.
extern "C" {

void* __libc_malloc(std::size_t size);                     // NOLINT(bugprone-reserved-identifier)
void* __libc_calloc(std::size_t count, std::size_t size);  // NOLINT(bugprone-reserved-identifier)
void* __libc_realloc(void* old, std::size_t size);         // NOLINT(bugprone-reserved-identifier)
void* __libc_memalign(std::size_t alignment,
                      std::size_t n);  // NOLINT(bugprone-reserved-identifier)

void* malloc(std::size_t size) {
  costate::count();
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  costate::count();
  return __libc_calloc(count, size);
}
void* realloc(void* old, std::size_t size) {
  costate::count();
  return __libc_realloc(old, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  costate::count();
  return __libc_memalign(alignment, size);
}

}  // extern "C"

#endif
