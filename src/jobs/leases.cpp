#include "jobs/leases.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>
#include <utility>

#include "sd/error.h"

#include "core/check.h"
#include "io/atomic_file.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDoneMark = "done";
constexpr std::string_view kFailedMark = "failed";

/// False where the file is there already.
bool write_new_file(const fs::path& path, const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  return write_file_atomically(path,
                               {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()},
                               OnExist::kSkip)
      .has_value();
}

void remove_file(const fs::path& path) {
  std::error_code error;  // ignored: it is gone, or will be ignored
  fs::remove(path, error);
}

}  // namespace

Leases::Leases(const fs::path& folder, std::chrono::milliseconds lifetime)
    : folder_(folder / ".sd-claims"), lifetime_(lifetime) {
  check_folder_takes_files(folder_);
  std::error_code error;
  fs::create_directories(folder_, error);
  SD_CHECK(!error, ErrorKind::kOutput, "cannot make the folder '", folder_.string(),
           "': ", error.message());
  clock_.emplace(folder_);
  made_at_ = clock_->now();
  // Marks of the same tick are older ones, so it must have passed; some clocks tick in seconds.
  for (int naps = 0; clock_->now() == made_at_ && naps < 50; ++naps) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  renewal_ = std::jthread([this](const std::stop_token& stop) { renew_until_stopped(stop); });
}

Leases::~Leases() {
  renewal_.request_stop();
  renewal_.join();
  for (const auto& [key, held] : held_) held.file.end();
}

Claim Leases::take(int64_t key) { return take(key, Marks::kAll); }

Claim Leases::take_again(int64_t key) { return take(key, Marks::kNewer); }

Claim Leases::take(int64_t key, Marks heeded) {
  const std::lock_guard lock(mutex_);
  if (held_.contains(key)) return Claim::kHeld;
  if (const auto mark = find_mark(key, heeded)) return *mark;
  const auto turn = free_turn(key);
  if (!turn) return Claim::kHeld;
  const fs::path path = lease_path(key, *turn);
  LeaseHolder holder = LeaseHolder::here(*turn, lifetime_);
  if (!make_file(path, holder)) return Claim::kHeld;  // somebody was faster
  OpenLease file(path);
  if (const auto mark = find_mark(key, heeded)) {
    // Its holder made the mark since we looked, and then removed the leases: so it looked free.
    remove_file(path);
    return *mark;
  }
  // Where none is there now, a holder who was paused may still make one, and has finished then.
  if (find_mark(key, Marks::kAll)) remove_marks(key);
  held_.emplace(key, Held{.holder = std::move(holder), .file = std::move(file)});
  return Claim::kTaken;
}

bool Leases::still_held(int64_t key) {
  const std::lock_guard lock(mutex_);
  return holds(key);
}

bool Leases::finish(int64_t key) { return give_up_with_mark(key, kDoneMark); }

bool Leases::fail(int64_t key) { return give_up_with_mark(key, kFailedMark); }

void Leases::release(int64_t key) {
  const std::lock_guard lock(mutex_);
  const auto held = held_.find(key);
  if (held == held_.end()) return;
  held->second.file.end();
  held_.erase(held);
}

void Leases::renew() {
  const std::lock_guard lock(mutex_);
  for (const auto& [key, held] : held_) held.file.touch();
}

void Leases::clear_done() { clear_marks(kDoneMark); }

void Leases::clear_failed() { clear_marks(kFailedMark); }

std::string Leases::shared_value(std::string_view name, const std::function<std::string()>& make) {
  const fs::path path = folder_ / concat_text(name, ".value");
  auto value = read_claim_file(path);
  if (!value) {
    write_new_file(path, make());
    value = read_claim_file(path);
  }
  SD_CHECK(value, ErrorKind::kOutput, "cannot read '", path.string(),
           "': the file vanished after it was written");
  return *value;
}

fs::path Leases::path_of(int64_t key, std::string_view what) const {
  return folder_ / concat_text(key, ".", what);
}

fs::path Leases::lease_path(int64_t key, int64_t turn) const {
  return path_of(key, concat_text(turn, ".lease"));
}

std::optional<Claim> Leases::find_mark(int64_t key, Marks which) const {
  const auto is_there = [&](std::string_view what) {
    const auto mark = read_lease(path_of(key, what));
    return mark && (which == Marks::kAll || mark->touched > made_at_);
  };
  if (is_there(kDoneMark)) return Claim::kDone;
  if (is_there(kFailedMark)) return Claim::kFailed;
  return std::nullopt;
}

void Leases::remove_marks(int64_t key) const {
  remove_file(path_of(key, kDoneMark));
  remove_file(path_of(key, kFailedMark));
}

/// The number of the lease to make, nothing where the last one has not ended.
std::optional<int64_t> Leases::free_turn(int64_t key) const {
  int64_t turn = 0;
  std::optional<LeaseFile> last;
  while (auto lease = read_lease(lease_path(key, turn))) {
    last = std::move(lease);
    ++turn;
  }
  if (last && !has_ended(*last)) return std::nullopt;
  return turn;
}

bool Leases::has_ended(const LeaseFile& lease) const {
  if (lease.holder && lease.holder->is_gone()) return true;
  const auto lifetime = lease.holder ? lease.holder->lifetime : lifetime_;
  return clock_->now() - lease.touched > lifetime;
}

/// Whether this process made the file, and nobody before it. An NFS client may send a request
/// twice, and be told that the file is there already: by its own first one.
bool Leases::make_file(const fs::path& path, const LeaseHolder& holder) const {
  if (write_new_file(path, print_lease(holder))) return true;
  const auto there = read_lease(path);
  return there && there->holder && there->holder->token == holder.token;
}

bool Leases::holds(int64_t key) {
  const auto held = held_.find(key);
  if (held == held_.end()) return false;
  const bool is_there = held->second.file.is_there();
  SD_CHECK(is_there || fs::is_directory(folder_), ErrorKind::kOutput, "the folder '",
           folder_.string(), "' has vanished");
  if (is_there && !read_lease(lease_path(key, held->second.holder.turn + 1)) &&
      !find_mark(key, Marks::kAll)) {
    return true;
  }
  held_.erase(held);
  return false;
}

bool Leases::give_up_with_mark(int64_t key, std::string_view mark) {
  const std::lock_guard lock(mutex_);
  if (!holds(key)) return false;
  const auto held = held_.find(key);
  const bool is_first = make_file(path_of(key, mark), held->second.holder);
  // Those of processes that just took the unit over, too; the last one first, since leases are
  // looked for from 0 up.
  int64_t turn = held->second.holder.turn;
  while (read_lease(lease_path(key, turn + 1))) ++turn;
  for (; turn >= 0; --turn) remove_file(lease_path(key, turn));
  held_.erase(held);
  return is_first;
}

void Leases::clear_marks(std::string_view mark) const {
  const std::string ending = concat_text(".", mark);
  std::error_code error;
  for (fs::directory_iterator file(folder_, error), end; !error && file != end;
       file.increment(error)) {
    if (file->path().extension() == ending) remove_file(file->path());
  }
  SD_CHECK(!error, ErrorKind::kOutput, "cannot read the folder '", folder_.string(),
           "': ", error.message());
}

void Leases::renew_until_stopped(const std::stop_token& stop) {
  const auto never = [] { return false; };
  while (!stop.stop_requested()) {
    std::unique_lock lock(mutex_);
    stopped_.wait_for(lock, stop, lifetime_ / 3, never);
    lock.unlock();
    renew();
  }
}

}  // namespace sd
