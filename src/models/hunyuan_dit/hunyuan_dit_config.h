#pragma once

#include <cstdint>
#include <filesystem>

#include "core/config_reader.h"

namespace sd {

/// What the network is told of the picture besides the text: its sizes and its style
/// (HunyuanDiT 1.0 and 1.1), or nothing (1.2).
enum class PictureMeta { kNone, kSizesAndStyle };

/// The configuration of diffusers' HunyuanDiT2DModel, its defaults included.
struct HunyuanDitConfig {
  static constexpr int64_t kPoolHeads = 8;  ///< of the attention that pools T5's states

  int64_t sample_size = 32;  ///< side of the latents that the network was trained on
  int64_t patch_size = 0;    ///< latent cells a side that become one token; no default
  int64_t in_channels = 0;   ///< no default
  int64_t layers = 28;
  int64_t heads = 16;
  int64_t head_width = 88;
  double mlp_ratio = 4;
  int64_t text_width = 1024;  ///< of BERT's states, and of T5's after `text_embedder`
  int64_t t5_width = 2048;
  int64_t pooled_width = 1024;  ///< of T5's states once they are pooled
  int64_t text_length = 77;
  int64_t t5_length = 256;
  bool learns_variance = true;  ///< twice as many channels come out as go in
  PictureMeta meta = PictureMeta::kSizesAndStyle;

  int64_t width() const { return heads * head_width; }
  int64_t inner_width() const {
    return static_cast<int64_t>(static_cast<double>(width()) * mlp_ratio);
  }
  int64_t out_channels() const { return learns_variance ? 2 * in_channels : in_channels; }
  int64_t all_text_length() const { return text_length + t5_length; }
};

/// Reads config.json of a HunyuanDiT2DModel: HunyuanDiT 1.0, 1.1 and 1.2 and what is distilled from
/// them. Errors: kModel naming file, key, expected and found for what is unreadable, contradictory
/// or unknown.
HunyuanDitConfig read_hunyuan_dit_config(const std::filesystem::path& path);
HunyuanDitConfig read_hunyuan_dit_config(ConfigReader reader);

}  // namespace sd
