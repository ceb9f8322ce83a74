#include "cli/model_hasher.h"

#include <chrono>

#include "sd/error.h"

#include "io/model_hash.h"

namespace sd {

ModelHasher::~ModelHasher() {
  must_stop_ = true;
  if (thread_.joinable()) thread_.join();
}

void ModelHasher::start() {
  if (is_done_ || thread_.joinable()) return;
  const std::filesystem::path cache = hash_cache_folder();
  hash_ = files_.empty() ? std::nullopt : remembered_hash(files_, cache);
  is_done_ = hash_.has_value() || files_.empty();
  if (!is_done_) thread_ = std::thread([this] { run(); });
}

void ModelHasher::run() {
  try {
    hash_ = hash_files(files_, [this] { return must_stop_.load(); });
    if (hash_) remember_hash(files_, *hash_, hash_cache_folder());
  } catch (const Error&) {  // a picture without the hash is a picture, too
    hash_ = std::nullopt;
  }
  is_done_ = true;
}

void ModelHasher::wait_a_little() {
  constexpr auto kNap = std::chrono::milliseconds(5);
  std::this_thread::sleep_for(kNap);
}

}  // namespace sd
