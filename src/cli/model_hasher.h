#pragma once

#include <atomic>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <utility>

namespace sd {

/// Makes the hash of a model's weights on a thread of its own, or finds it in the cache.
class ModelHasher {
 public:
  ModelHasher(std::filesystem::path model, std::string variant)
      : model_(std::move(model)), variant_(std::move(variant)) {}
  /// Stops the thread.
  ~ModelHasher();
  ModelHasher(const ModelHasher&) = delete;
  ModelHasher& operator=(const ModelHasher&) = delete;

  /// Begins, unless it has begun.
  void start();

  /// The hash; waits until it is made. Nothing where the files cannot be read, where there are
  /// none, or where `stop` returned true while it waited.
  template <typename Stop>
  std::optional<std::string> get(const Stop& stop);

 private:
  void run();
  static void wait_a_little();

  std::filesystem::path model_;
  std::string variant_;
  std::optional<std::string> hash_;  // written by the thread, read once it is done
  std::atomic<bool> is_done_ = false;
  std::atomic<bool> must_stop_ = false;
  std::thread thread_;
};

template <typename Stop>
std::optional<std::string> ModelHasher::get(const Stop& stop) {
  start();
  while (!is_done_) {
    if (stop()) return std::nullopt;
    wait_a_little();
  }
  return hash_;
}

}  // namespace sd
