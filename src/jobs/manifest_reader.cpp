#include "jobs/manifest_reader.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <limits>
#include <unistd.h>

#include "core/check.h"

namespace sd {
namespace {

constexpr std::size_t kBuffer = std::size_t{1} << 16;
constexpr std::size_t kLongestLine = std::size_t{64} << 20;

}  // namespace

ManifestReader::ManifestReader(std::filesystem::path path)
    : path_(std::move(path)), buffer_(kBuffer) {
  descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  SD_CHECK(descriptor_ >= 0, ErrorKind::kInput, "cannot read '", path_.string(),
           "': ", std::strerror(errno));
}

ManifestReader::~ManifestReader() { ::close(descriptor_); }

std::optional<ManifestLine> ManifestReader::next() {
  if (!read_text()) return std::nullopt;
  ManifestLine line = parse_manifest_line(text_, place());
  if (const auto* run = std::get_if<ManifestRun>(&line)) {
    constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
    started_ = std::max(started_, static_cast<std::uint32_t>(std::min(run->started, kMost)));
    has_run_ = true;
  }
  SD_CHECK(has_run_, ErrorKind::kInput, place(),
           ": expected a line of the kind run before all others, the file is damaged");
  return line;
}

bool ManifestReader::read_text() {
  text_.clear();
  offset_ = next_offset_;
  for (;;) {
    if (begin_ == end_ && !fill_buffer()) return false;
    const char* unread = buffer_.data() + begin_;
    const auto* found = static_cast<const char*>(std::memchr(unread, '\n', end_ - begin_));
    const std::size_t length = found != nullptr ? found - unread : end_ - begin_;
    next_offset_ += length;
    begin_ += length;
    // A long tail without an end, as of a disk that failed, is no line and need not be kept.
    if (text_.size() <= kLongestLine) text_.append(unread, length);
    if (found == nullptr) continue;
    ++begin_;
    ++next_offset_;
    ++line_;
    SD_CHECK(text_.size() <= kLongestLine, ErrorKind::kInput, place(), ": has more than ",
             kLongestLine, " bytes, the file is damaged");
    return true;
  }
}

bool ManifestReader::fill_buffer() {
  ssize_t count = -1;
  do {
    count = ::read(descriptor_, buffer_.data(), buffer_.size());
  } while (count < 0 && errno == EINTR);
  SD_CHECK(count >= 0, ErrorKind::kInput, "cannot read '", path_.string(),
           "': ", std::strerror(errno));
  begin_ = 0;
  end_ = static_cast<std::size_t>(count);
  return count > 0;
}

std::string ManifestReader::place() const { return path_.string() + ":" + std::to_string(line_); }

}  // namespace sd
