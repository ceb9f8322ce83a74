#include "jobs/job_input.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "core/check.h"

namespace sd {
namespace {

constexpr size_t kChunk = size_t{1} << 16;

}  // namespace

JobInput::JobInput(const std::string& path, std::function<bool()> is_stopped)
    : name_(std::make_shared<const std::string>(path == "-" ? "standard input" : path)),
      is_stopped_(std::move(is_stopped)),
      descriptor_(STDIN_FILENO),
      is_own_(path != "-"),
      buffer_(kChunk) {
  if (!is_own_) return;
  // non-blocking: opening a FIFO must not wait for its writer
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  SD_CHECK(descriptor_ >= 0, ErrorKind::kUsage, "cannot read the job file '", path,
           "': ", errno == ENOENT ? "there is no such file" : std::strerror(errno));
  struct stat status {};
  const bool is_known = ::fstat(descriptor_, &status) == 0;
  is_regular_file_ = is_known && S_ISREG(status.st_mode);
  if (is_known && S_ISDIR(status.st_mode)) {
    ::close(descriptor_);
    fail(ErrorKind::kUsage, "cannot read the job file '", path, "': it is a folder");
  }
}

JobInput::~JobInput() {
  if (is_own_) ::close(descriptor_);
}

void JobInput::wait() const {
  constexpr int kWaitMilliseconds = 100;
  pollfd input = {descriptor_, POLLIN, 0};
  do {
    SD_CHECK(!is_stopped_(), ErrorKind::kInterrupted, "stopped");
  } while (::poll(&input, 1, kWaitMilliseconds) <= 0);
}

bool JobInput::grow() {
  if (begin_ > 0) {
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
              buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ + kChunk > buffer_.size()) buffer_.resize(std::max(2 * buffer_.size(), end_ + kChunk));
  for (;;) {
    wait();
    const ssize_t got = ::read(descriptor_, buffer_.data() + end_, kChunk);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    SD_CHECK(got >= 0, ErrorKind::kUsage, "cannot read ", *name_, ": ", std::strerror(errno));
    end_ += static_cast<size_t>(got);
    return got > 0;
  }
}

}  // namespace sd
