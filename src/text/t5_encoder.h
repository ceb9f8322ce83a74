#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <filesystem>
#include <memory>

#include "core/config_reader.h"
#include "core/placement.h"
#include "io/weight_store.h"
#include "nn/activation.h"

namespace sd {

/// The configuration of transformers' T5EncoderModel, its defaults included.
struct T5Config {
  enum class FeedForward { kPlain, kGated };  ///< T5 1.0; T5 v1.1 and mT5

  int64_t vocab_size = 32128;
  int64_t d_model = 512;
  int64_t d_kv = 64;  ///< width of one head; heads · d_kv need not be d_model
  int64_t d_ff = 2048;
  int64_t layers = 6;
  int64_t heads = 8;
  int64_t buckets = 32;  ///< of relative positions, both directions together
  int64_t max_distance = 128;
  double layer_norm_epsilon = 1e-6;
  FeedForward feed_forward = FeedForward::kPlain;
  Activation activation = Activation::kRelu;
};

/// Reads the config of a T5 or mT5; what only the decoder has is passed over.
/// Errors: kModel for another model's config, unknown keys and values that make no network.
T5Config read_t5_config(const std::filesystem::path& config_path);
T5Config read_t5_config(ConfigReader reader);

/// The encoder of T5 v1.1 and mT5 (Raffel et al. 2020, arXiv:1910.10683; Shazeer 2020,
/// arXiv:2002.05202; Xue et al. 2021, arXiv:2010.11934), and that of T5 1.0.
class T5Encoder {
 public:
  class Network;

  T5Encoder(const T5Config& config, std::shared_ptr<Network> network, const Placement& placement);

  /// ids [B, T] int64 on the CPU; mask [B, T] int64 on the CPU, 0 where nothing may attend to,
  /// undefined where everything may (as in Stable Diffusion 3, padding included)
  /// -> `last_hidden_state` [B, T, D] in the placement's dtype. To have a prompt's states bit for
  /// bit whatever else is asked for, encode prompts one by one.
  /// In float16 the last matrix of each feed-forward, and from the first of them on the residual
  /// stream, are float32, and infinities before that are clamped, as in transformers.
  /// Errors: kModel for a token that the vocabulary does not have.
  at::Tensor encode(const at::Tensor& ids, const at::Tensor& mask = {}) const;

  const T5Config& config() const { return config_; }
  const Placement& placement() const { return placement_; }
  Network& network() const { return *network_; }

 private:
  T5Config config_;
  std::shared_ptr<Network> network_;
  Placement placement_;
};

/// Builds the network from an encoder's weights or from those of a whole T5, whose decoder and head
/// are left alone. The table of tokens may be there as `shared`, as `encoder.embed_tokens`, or
/// twice; `shared` is taken.
/// Errors: kModel for the config, and for missing, misshapen or left-over tensors, each by name.
std::unique_ptr<T5Encoder> load_t5_encoder(const std::filesystem::path& config_path,
                                           WeightStore& weights, const Placement& placement);

}  // namespace sd
