#pragma once

#include <cstdlib>
#include <sys/types.h>
#include <unistd.h>

namespace sd {

/// While it lives, permissions hold for root, too.
class Unprivileged {
 public:
  Unprivileged() {
    constexpr uid_t kNobody = 65534;
    if (was_root_ && ::seteuid(kNobody) != 0) std::abort();
  }
  ~Unprivileged() {
    if (was_root_ && ::seteuid(0) != 0) std::abort();
  }
  Unprivileged(const Unprivileged&) = delete;
  Unprivileged& operator=(const Unprivileged&) = delete;

 private:
  const bool was_root_ = ::geteuid() == 0;
};

}  // namespace sd
