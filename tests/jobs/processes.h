#pragma once

#include <cstdio>
#include <exception>
#include <functional>
#include <gtest/gtest.h>
#include <new>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace sd {

/// Runs `work` in a process of its own, which ends with it.
inline pid_t start(const std::function<void()>& work) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  try {
    work();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    ::_exit(1);
  }
  ::_exit(0);
}

/// Its status as of waitpid.
inline int wait_for(pid_t child) {
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return status;
}

inline void wait_for_all(const std::vector<pid_t>& children) {
  for (const pid_t child : children) EXPECT_EQ(wait_for(child), 0);
}

/// An object that this process and its children share.
template <typename T>
class Shared {
 public:
  Shared()
      : value_(new (::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                           -1, 0)) T{}) {}
  ~Shared() { ::munmap(value_, sizeof(T)); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  T* operator->() { return value_; }
  T& operator*() { return *value_; }

 private:
  T* value_;
};

/// The process ID of a process that has ended.
inline pid_t dead_process() {
  const pid_t child = start([] {});
  wait_for(child);
  return child;
}

}  // namespace sd
