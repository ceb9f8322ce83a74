#pragma once

#include <cstdint>
#include <filesystem>
#include <set>

#include "core/config_reader.h"

namespace sd {

/// What is done to the queries and keys of a head before they meet.
enum class QkNorm { kNone, kRms };

/// The configuration of diffusers' SD3Transformer2DModel, its defaults included.
struct Sd3Config {
  int64_t sample_size = 128;  ///< side of the latents that the network was trained on
  int64_t patch_size = 2;     ///< latent cells a side that become one token
  int64_t in_channels = 16;
  int64_t out_channels = 16;
  int64_t layers = 18;
  int64_t heads = 18;
  int64_t head_width = 64;
  int64_t text_width = 4096;    ///< of the text states, before `context_embedder`
  int64_t pooled_width = 2048;  ///< of the pooled text
  int64_t max_patches = 96;     ///< side of the table of positions
  QkNorm qk_norm = QkNorm::kNone;
  std::set<int64_t> dual_layers;  ///< whose image tokens also attend to themselves alone (SD3.5 M)

  int64_t width() const { return heads * head_width; }
};

/// Reads config.json of an SD3Transformer2DModel: SD3 medium, SD3.5 medium, large and large-turbo.
/// Errors: kModel naming file, key, expected and found for what is unreadable, contradictory or
/// unknown.
Sd3Config read_sd3_config(const std::filesystem::path& path);
Sd3Config read_sd3_config(ConfigReader reader);

}  // namespace sd
