#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/config_reader.h"
#include "nn/activation.h"

namespace sd {

/// What stands in one level of the UNet.
enum class UNetBlockType { kPlain, kCrossAttention };

/// What stands between the way down and the way up.
enum class UNetMidType { kNone, kPlain, kCrossAttention };

enum class TimeEmbeddingType { kPositional, kFourier };

/// How the time enters a residual block: added before the second norm, or scale and shift after it.
enum class TimeScaleShift { kAdd, kScaleShift };

enum class ClassEmbedding { kNone, kTable, kTimestep, kIdentity, kProjection, kSimpleProjection };

enum class AdditionEmbedding { kNone, kText, kTextTime };

/// One resolution of the UNet, on its way down or up. Lists have one entry for each layer.
struct UNetLevel {
  UNetBlockType type = UNetBlockType::kCrossAttention;
  int64_t channels = 0;
  int64_t layers = 0;
  int64_t heads = 0;
  int64_t text_width = 0;
  std::vector<int64_t> transformer_depths;
  bool only_cross_attention = false;
};

/// The configuration of diffusers' UNet2DConditionModel, its defaults included, with everything
/// that may be one number or a list spread over the levels.
struct UNetConfig {
  std::optional<int64_t> sample_height;  ///< of the latents that the network was trained on
  std::optional<int64_t> sample_width;
  std::string diffusers_version;  ///< that wrote the file; empty where it does not say
  int64_t in_channels = 4;
  int64_t out_channels = 4;
  bool center_input_sample = false;

  std::vector<UNetLevel> down;
  UNetMidType mid_type = UNetMidType::kCrossAttention;
  int64_t mid_transformer_depth = 1;
  std::vector<UNetLevel> up;
  int64_t conv_in_kernel = 3;
  int64_t conv_out_kernel = 3;
  int64_t downsample_padding = 1;
  double mid_block_scale_factor = 1;
  Activation activation = Activation::kSilu;
  int64_t norm_groups = 32;
  double norm_eps = 1e-5;
  bool use_linear_projection = false;
  TimeScaleShift time_scale_shift = TimeScaleShift::kAdd;

  TimeEmbeddingType time_embedding_type = TimeEmbeddingType::kPositional;
  int64_t time_embedding_width = 1280;
  bool flip_sin_to_cos = true;
  double frequency_shift = 0;
  std::optional<Activation> time_embedding_activation;
  std::optional<Activation> timestep_post_activation;
  std::optional<int64_t> time_cond_width;  ///< of the embedded guidance scale (LCM)

  ClassEmbedding class_embedding = ClassEmbedding::kNone;
  bool concat_class_embedding = false;
  int64_t class_count = 0;
  AdditionEmbedding addition_embedding = AdditionEmbedding::kNone;
  int64_t addition_time_width = 0;
  int64_t addition_heads = 64;
  /// Input width of the class projection, or of the pooled text and times together.
  int64_t projection_width = 0;
  /// Width of the text where it is projected before the levels see it (`encoder_hid_proj`).
  std::optional<int64_t> projected_text_width;

  /// Width of the time embedding as the blocks see it.
  int64_t block_time_width() const {
    return time_embedding_width * (concat_class_embedding ? 2 : 1);
  }
};

/// Reads config.json of a UNet2DConditionModel. Errors: kModel naming file, key, expected and found
/// for what is unreadable, contradictory, unknown, or not a part of any released SD 1, 2 or XL
/// network (the blocks of DeepFloyd IF, Kandinsky and the k-upscaler, GLIGEN).
UNetConfig read_unet_config(const std::filesystem::path& path);
UNetConfig read_unet_config(ConfigReader reader);

}  // namespace sd
