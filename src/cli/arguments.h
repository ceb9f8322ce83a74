#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "sd/pipeline.h"

#include "io/atomic_file.h"

namespace sd {

constexpr int kMaxImages = 1000000;  ///< of one command

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
  bool plms = false;              ///< CompVis: --sampler plms

  std::optional<std::string> init_image;
  std::optional<std::string> init_latents;

  std::optional<std::string> output;
  std::optional<std::string> outdir;  ///< CompVis: --output FOLDER/
  std::optional<OnExist> on_exist;
  std::optional<std::string> save_latents;

  bool quiet = false;
  bool verbose = false;
  bool json = false;
  bool no_color = false;
  std::optional<std::string> log_file;
  bool help = false;
  bool version = false;
};

/// Stores --plms as the sampler and --outdir as the output. Errors: kUsage where two options say
/// different things, both of which cannot hold.
void join_arguments(Arguments& arguments);

}  // namespace sd
