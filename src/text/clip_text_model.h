#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "core/config_reader.h"
#include "core/placement.h"
#include "io/weight_store.h"
#include "nn/activation.h"

namespace sd {

/// The configuration of transformers' CLIPTextModel, its defaults included.
struct ClipTextConfig {
  int64_t vocab_size = 49408;
  int64_t hidden_size = 512;
  int64_t intermediate_size = 2048;
  int64_t projection_dim = 512;
  int64_t layers = 12;
  int64_t heads = 8;
  int64_t max_positions = 77;
  Activation activation = Activation::kQuickGelu;
  double layer_norm_eps = 1e-5;
  int64_t eos_token_id = 49407;
};

/// Errors: kModel for another model's config, unknown keys and values that make no network.
ClipTextConfig read_clip_text_config(const std::filesystem::path& config_path);
ClipTextConfig read_clip_text_config(ConfigReader reader);

/// Which of two classes a folder holds: CLIPTextModel or CLIPTextModelWithProjection.
enum class ClipTextHead { kNone, kProjection };

enum class FinalNorm { kNo, kYes };

/// One of transformers' `hidden_states`: 0 is the embedding, n the output of layer n, negative
/// numbers count from the end (-1: the last layer). The default is `last_hidden_state`.
struct ClipTextState {
  int64_t index = -1;
  FinalNorm final_norm = FinalNorm::kYes;
};

/// What `encode` is asked for; layers that nothing needs do not run.
struct ClipTextRequest {
  std::vector<ClipTextState> states;
  bool pooled = false;
};

struct ClipTextOutput {
  std::vector<at::Tensor> states;  ///< [B, T, D] each, in the order of the request
  at::Tensor pooled;               ///< see `ClipTextEncoder::encode`; undefined unless asked for
};

/// The text encoder of CLIP (Radford et al. 2021, arXiv:2103.00020, section 2.4).
class ClipTextEncoder {
 public:
  class Network;

  ClipTextEncoder(const ClipTextConfig& config, std::shared_ptr<Network> network,
                  const Placement& placement);

  /// ids [B, T] int64 on the CPU, T at most max_positions; every position attends to those before
  /// it, padding included.
  /// `pooled` is the last state after the final norm at the position of the end-of-text token:
  /// [B, D] (`pooler_output`), with a projection [B, P] (`text_embeds`).
  /// Errors: kModel for a token that the vocabulary does not have, kUsage for too many tokens or a
  /// state that the encoder does not have.
  ClipTextOutput encode(const at::Tensor& ids, const ClipTextRequest& request) const;

  const ClipTextConfig& config() const { return config_; }
  const Placement& placement() const { return placement_; }
  Network& network() const { return *network_; }

 private:
  void check_ids(const at::Tensor& ids) const;
  int64_t layer_of(const ClipTextState& state) const;

  ClipTextConfig config_;
  std::shared_ptr<Network> network_;
  Placement placement_;
};

/// Builds the network of a folder written by transformers 4 (keys under `text_model.`) or 5
/// (without that prefix).
/// Errors: kModel for the config, and for missing, misshapen or left-over tensors, each by name.
std::unique_ptr<ClipTextEncoder> load_clip_text_encoder(const std::filesystem::path& config_path,
                                                        WeightStore& weights,
                                                        const Placement& placement,
                                                        ClipTextHead head);

}  // namespace sd
