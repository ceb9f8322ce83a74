#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "sd/pipeline.h"

#include "io/atomic_file.h"

namespace sd {

enum class Verbosity { kQuiet, kNormal, kVerbose };

/// What the options of a command said.
struct Arguments {
  LoadOptions load;  ///< `model` as it was typed
  Request request;   ///< what all images share; prompt, seed and start picture come later

  std::optional<std::string> prompt;
  std::optional<std::string> prompt_file;
  std::optional<uint64_t> seed;
  std::optional<int> count;       ///< --count
  std::optional<int> batch_size;  ///< --batch-size
  std::optional<int> n_samples;   ///< CompVis: images at once
  std::optional<int> n_iter;      ///< CompVis: how many times that many

  std::optional<std::string> init_image;
  std::optional<std::string> init_latents;

  std::optional<std::string> output;
  std::optional<OnExist> on_exist;
  std::optional<std::string> save_latents;

  Verbosity verbosity = Verbosity::kNormal;
  bool json = false;
  bool color = true;
  std::optional<std::string> log_file;
  bool help = false;
};

}  // namespace sd
