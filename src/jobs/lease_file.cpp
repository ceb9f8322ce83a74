#include "jobs/lease_file.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "sd/error.h"

#include "core/check.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

/// A descriptor that is closed at the end of its scope.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return number_; }

 private:
  int number_;
};

const std::string& host_name() {
  static const std::string host = [] {
    std::array<char, HOST_NAME_MAX + 1> name{};
    return std::string(::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "");
  }();
  return host;
}

/// Names this run of the kernel and this namespace of process IDs: where both are equal a process
/// ID means the same. Containers of one host may share its name, and not its processes.
const std::string& system_name() {
  static const std::string system = [] {
    std::ifstream file("/proc/sys/kernel/random/boot_id");
    std::string boot;
    std::error_code error;
    const fs::path processes = fs::read_symlink("/proc/self/ns/pid", error);
    return !std::getline(file, boot) || error ? "" : boot + " " + processes.string();
  }();
  return system;
}

std::string new_token() {
  static std::atomic<int64_t> count = 0;
  static const std::string random = [] {
    std::random_device device;
    return concat_text(std::hex, device(), device());
  }();
  // The process ID: a child has the parent's random number.
  return concat_text(random, "-", ::getpid(), "-", count++);
}

std::optional<LeaseHolder> parse_lease(const std::string& text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  try {
    return LeaseHolder{.host = json.at("host"),
                       .pid = json.at("pid"),
                       .system = json.at("system"),
                       .token = json.at("token"),
                       .turn = json.at("turn"),
                       .lifetime = std::chrono::milliseconds(json.at("lifetime_ms"))};
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

std::chrono::nanoseconds last_change(const struct stat& status) {
  return std::chrono::seconds(status.st_mtim.tv_sec) +
         std::chrono::nanoseconds(status.st_mtim.tv_nsec);
}

bool touch_descriptor(int descriptor) {
  // Both times "now" and no number: an NFS server takes its own clock.
  const std::array<timespec, 2> now = {{{0, UTIME_NOW}, {0, UTIME_NOW}}};
  return ::futimens(descriptor, now.data()) == 0;
}

struct OpenedFile {
  std::string text;
  std::chrono::nanoseconds touched;
};

/// Nothing where there is no such file.
std::optional<OpenedFile> read_whole(const fs::path& path) {
  const auto fail_to_read = [&](int error) {
    fail(ErrorKind::kOutput, "cannot read '", path.string(), "': ", std::strerror(error));
  };
  for (;;) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0) {
      if (errno == ENOENT) return std::nullopt;
      if (errno == EINTR) continue;
      fail_to_read(errno);
    }
    struct stat status {};
    std::array<char, 4096> bytes;
    std::string text;
    ssize_t length = ::fstat(file.get(), &status) == 0 ? 0 : -1;
    while (length >= 0 && (length = ::read(file.get(), bytes.data(), bytes.size())) > 0) {
      text.append(bytes.data(), static_cast<size_t>(length));
    }
    if (length == 0) return OpenedFile{std::move(text), last_change(status)};
    if (errno == ESTALE) return std::nullopt;  // removed on another host since it was opened
    if (errno != EINTR) fail_to_read(errno);
  }
}

}  // namespace

LeaseHolder LeaseHolder::here(int64_t turn, std::chrono::milliseconds lifetime) {
  return {.host = host_name(),
          .pid = ::getpid(),
          .system = system_name(),
          .token = new_token(),
          .turn = turn,
          .lifetime = lifetime};
}

bool LeaseHolder::is_gone() const {
  if (system.empty() || system != system_name() || host != host_name()) return false;
  return pid > 0 && pid <= INT_MAX && ::kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH;
}

std::string print_lease(const LeaseHolder& holder) {
  const nlohmann::ordered_json json = {
      {"host", holder.host},   {"pid", holder.pid},   {"system", holder.system},
      {"token", holder.token}, {"turn", holder.turn}, {"lifetime_ms", holder.lifetime.count()}};
  return json.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) + "\n";
}

std::optional<LeaseFile> read_lease(const fs::path& path) {
  const auto file = read_whole(path);
  if (!file) return std::nullopt;
  return LeaseFile{.holder = parse_lease(file->text), .touched = file->touched};
}

std::optional<std::string> read_claim_file(const fs::path& path) {
  auto file = read_whole(path);
  if (!file) return std::nullopt;
  return std::move(file->text);
}

FileSystemClock::FileSystemClock(const fs::path& folder) : folder_(folder) {
  const fs::path path = folder / (".sd-clock-" + new_token());
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  SD_CHECK(descriptor_ >= 0, ErrorKind::kOutput, "cannot write into the folder '", folder.string(),
           "': ", std::strerror(errno));
  ::unlink(path.c_str());  // so that none is left, however the process ends
}

FileSystemClock::~FileSystemClock() { ::close(descriptor_); }

std::chrono::nanoseconds FileSystemClock::now() const {
  struct stat status {};
  SD_CHECK(touch_descriptor(descriptor_) && ::fstat(descriptor_, &status) == 0, ErrorKind::kOutput,
           "cannot read the clock of the folder '", folder_.string(), "': ", std::strerror(errno));
  return last_change(status);
}

OpenLease::OpenLease(const fs::path& path)
    : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}

OpenLease::~OpenLease() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

OpenLease::OpenLease(OpenLease&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

bool OpenLease::is_there() const {
  struct stat status {};
  return descriptor_ >= 0 && ::fstat(descriptor_, &status) == 0 && status.st_nlink > 0;
}

void OpenLease::touch() const { touch_descriptor(descriptor_); }

void OpenLease::end() const {
  const std::array<timespec, 2> never = {{{0, UTIME_OMIT}, {0, 0}}};
  ::futimens(descriptor_, never.data());
}

}  // namespace sd
