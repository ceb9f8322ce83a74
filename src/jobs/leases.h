#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "jobs/lease_file.h"

namespace sd {

/// What came of asking for a unit of work.
enum class Claim {
  kTaken,
  kHeld,    ///< by somebody, maybe by this object
  kDone,    ///< somebody has finished it
  kFailed,  ///< somebody failed at it
};

/// Shares units of work among processes, of several hosts too, that have one output folder. A unit
/// has a number, its key. Who takes it holds a lease: a file in the hidden folder .sd-claims, whose
/// time of change a thread of this object renews every third of the lifetime. A lease whose holder
/// has died ends: at once where that can be seen (a process of this host), else with its lifetime.
///
/// How: the leases of unit 7 are 7.0.lease, 7.1.lease, …, and the last one counts. To take over an
/// ended one is to make the next, which link() lets exactly one process do; nobody ever replaces or
/// renames a file of another. To finish is to make 7.done, in the same way. Times are compared with
/// the file system's own clock, so the hosts' clocks do not matter. No locks: NFS lacks them often.
///
/// Promised, on local file systems, NFS 3 and 4 and all that have link() or a rename that does not
/// replace, whoever dies or is paused at whatever moment:
///  - Of all that take a unit, finish() is true for one, once (until the mark is cleared).
///  - No unit is lost: a lease ends at the latest a lifetime after its holder's death.
///  - Nobody sees a file half-written.
/// Not promised:
///  - That no two ever work on one unit at the same time. A holder that is paused for longer than
///    its lifetime (SIGSTOP, a suspended machine, a hanging server) loses its unit to another, and
///    goes on until it asks: still_held() and finish() are false then, and its work must not count.
///    The same where the server's clock jumps by more than the lifetime.
///  - That a mark outlives a power failure of the server: the unit is then free again.
///  - An end to calls that the kernel does not return from, as for a dead server of a "hard" mount.
///
/// All functions may be called from several threads, but not in a child that was forked later. All
/// throw kOutput with the name of the folder or file where it cannot be written or has vanished.
class Leases {
 public:
  /// Makes `folder` and the hidden one inside where they are missing. `lifetime` should be many
  /// times longer than a file operation takes.
  explicit Leases(const std::filesystem::path& folder,
                  std::chrono::milliseconds lifetime = std::chrono::seconds(60));

  /// Releases all that is held.
  ~Leases();
  Leases(const Leases&) = delete;
  Leases& operator=(const Leases&) = delete;

  /// Tries to take the unit `key`, 0 or more. Does not wait.
  Claim take(int64_t key);

  /// As take(), but marks that are older than this object do not count, and are removed. For work
  /// that proved to be missing when it was looked for after this object was made: a newer mark is
  /// of somebody who has made it since.
  Claim take_again(int64_t key);

  /// Whether the unit is held by this object and by nobody else.
  bool still_held(int64_t key);

  /// Marks the unit as done and gives it up. False where it was lost before: then another does it,
  /// or has, and what was made here must not count.
  bool finish(int64_t key);

  /// Marks the unit as failed, so that nobody tries it again, and gives it up. False as for finish.
  bool fail(int64_t key);

  /// Gives the unit up for others to take, at once.
  void release(int64_t key);

  /// Gives all leases a new lifetime, now.
  void renew();

  /// Removes all marks of that kind; units that failed may be tried again. While others work here
  /// clear_done() would let units be done twice: take_again() does not.
  void clear_done();
  void clear_failed();

  /// A text that all who share the folder agree upon: what the first of them gave `make` as. Who
  /// needs it to be his own compares. It stays as long as .sd-claims does. `name`: letters and -.
  std::string shared_value(std::string_view name, const std::function<std::string()>& make);

 private:
  struct Held {
    LeaseHolder holder;
    OpenLease file;
  };
  enum class Marks { kAll, kNewer };  ///< than this object

  std::filesystem::path path_of(int64_t key, std::string_view what) const;
  std::filesystem::path lease_path(int64_t key, int64_t turn) const;
  std::optional<Claim> find_mark(int64_t key, Marks which) const;
  Claim take(int64_t key, Marks heeded);
  void remove_marks(int64_t key) const;
  std::optional<int64_t> free_turn(int64_t key) const;
  bool has_ended(const LeaseFile& lease) const;
  bool make_file(const std::filesystem::path& path, const LeaseHolder& holder) const;
  bool holds(int64_t key);
  bool give_up_with_mark(int64_t key, std::string_view mark);
  void clear_marks(std::string_view mark) const;
  void renew_until_stopped(const std::stop_token& stop);

  std::filesystem::path folder_;
  std::chrono::milliseconds lifetime_;
  std::optional<FileSystemClock> clock_;
  std::chrono::nanoseconds made_at_{};  ///< by that clock, which has gone on since
  std::mutex mutex_;
  std::map<int64_t, Held> held_;
  std::condition_variable_any stopped_;
  std::jthread renewal_;  // last: it uses all above
};

}  // namespace sd
