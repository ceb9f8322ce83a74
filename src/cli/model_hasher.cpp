#include "cli/model_hasher.h"

#include <chrono>

#include "sd/error.h"

#include "cli/model_info.h"
#include "io/model_hash.h"

namespace sd {

ModelHasher::~ModelHasher() {
  must_stop_ = true;
  if (thread_.joinable()) thread_.join();
}

void ModelHasher::start() {
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
}

void ModelHasher::run() {
  try {
    hash_ = model_hash(denoiser_files(model_, variant_), [this] { return must_stop_.load(); });
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
