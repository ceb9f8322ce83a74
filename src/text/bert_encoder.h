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

/// The configuration of transformers' BertModel, its defaults included.
struct BertConfig {
  int64_t vocab_size = 30522;
  int64_t hidden_size = 768;
  int64_t intermediate_size = 3072;
  int64_t layers = 12;
  int64_t heads = 12;
  int64_t max_positions = 512;
  int64_t token_types = 2;
  Activation activation = Activation::kGelu;
  double layer_norm_eps = 1e-12;
};

/// Reads the config of a BERT encoder; what only its pooler and the heads of other tasks have is
/// passed over.
/// Errors: kModel for another model's config, unknown keys and values that make no network.
BertConfig read_bert_config(const std::filesystem::path& config_path);
BertConfig read_bert_config(ConfigReader reader);

/// The encoder of BERT (Devlin et al. 2018, arXiv:1810.04805).
class BertEncoder {
 public:
  class Network;

  BertEncoder(const BertConfig& config, std::shared_ptr<Network> network,
              const Placement& placement);

  /// ids [B, T] int64 on the CPU, T at most max_positions, all of token type 0; mask [B, T] int64
  /// on the CPU, 0 where nothing may attend to, undefined where everything may
  /// -> `last_hidden_state` [B, T, D] in the placement's dtype. To have a prompt's states bit for
  /// bit whatever else is asked for, encode prompts one by one.
  /// Errors: kModel for a token that the vocabulary does not have, kUsage for too many tokens.
  at::Tensor encode(const at::Tensor& ids, const at::Tensor& mask = {}) const;

  const BertConfig& config() const { return config_; }
  const Placement& placement() const { return placement_; }
  Network& network() const { return *network_; }

 private:
  BertConfig config_;
  std::shared_ptr<Network> network_;
  Placement placement_;
};

/// Builds the network from the weights of a BertModel, or of a BERT with heads for pre-training,
/// whose keys begin with `bert.`; pooler and heads (`cls.`) are left alone.
/// Errors: kModel for the config, and for missing, misshapen or left-over tensors, each by name.
std::unique_ptr<BertEncoder> load_bert_encoder(const std::filesystem::path& config_path,
                                               WeightStore& weights, const Placement& placement);

}  // namespace sd
