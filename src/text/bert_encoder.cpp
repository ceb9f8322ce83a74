#include "text/bert_encoder.h"

#include <string>
#include <string_view>

#include "core/check.h"
#include "text/attention_mask.h"
#include "text/bert_network.h"

namespace sd {
namespace {

/// Keys of a BERT with heads, and those of files from before 2019 -> keys of a BertModel.
std::string bare_name(const std::string& key) {
  constexpr std::string_view kPrefix = "bert.", kGamma = ".gamma", kBeta = ".beta";
  std::string name = key.starts_with(kPrefix) ? key.substr(kPrefix.size()) : key;
  if (name.starts_with("pooler.") || name.starts_with("cls.")) return "";
  if (name.ends_with("LayerNorm.gamma")) {
    name.replace(name.size() - kGamma.size(), kGamma.size(), ".weight");
  } else if (name.ends_with("LayerNorm.beta")) {
    name.replace(name.size() - kBeta.size(), kBeta.size(), ".bias");
  }
  return name;
}

}  // namespace

BertEmbeddings::BertEmbeddings(const Weights& w, const BertConfig& config)
    : word_embeddings_(
          make_child<Embedding>(this, w, "word_embeddings", config.vocab_size, config.hidden_size)),
      position_embeddings_(make_child<Embedding>(this, w, "position_embeddings",
                                                 config.max_positions, config.hidden_size)),
      token_type_embeddings_(make_child<Embedding>(this, w, "token_type_embeddings",
                                                   config.token_types, config.hidden_size)),
      layer_norm_(
          make_child<LayerNorm>(this, w, "LayerNorm", config.hidden_size, config.layer_norm_eps)) {}

at::Tensor BertEmbeddings::forward(const at::Tensor& ids) const {
  const at::Tensor words = word_embeddings_->forward(ids) + token_type_embeddings_->weight[0];
  return layer_norm_->forward(words + position_embeddings_->weight.narrow(0, 0, ids.size(1)));
}

BertLayers::BertLayers(const Weights& w, const BertConfig& config)
    : layer_(register_module("layer", std::make_shared<ModuleList<BertLayer>>())) {
  for (int64_t i = 0; i < config.layers; ++i) {
    layer_->append(std::make_shared<BertLayer>(w["layer"][i], config));
  }
}

at::Tensor BertEncoder::Network::forward(const at::Tensor& ids, const at::Tensor& mask) const {
  const at::Tensor x = embeddings_->forward(ids);
  std::optional<at::Tensor> added;
  if (mask.defined()) added = additive_mask(mask, x);
  return encoder_->forward(x, added);
}

BertEncoder::BertEncoder(const BertConfig& config, std::shared_ptr<Network> network,
                         const Placement& placement)
    : config_(config), network_(std::move(network)), placement_(placement) {}

at::Tensor BertEncoder::encode(const at::Tensor& ids, const at::Tensor& mask) const {
  TORCH_INTERNAL_ASSERT(ids.dim() == 2 && ids.numel() > 0 && ids.scalar_type() == at::kLong &&
                        ids.is_cpu());
  TORCH_INTERNAL_ASSERT(!mask.defined() || mask.sizes() == ids.sizes());
  SD_CHECK(ids.size(1) <= config_.max_positions, ErrorKind::kUsage, "the prompt has ", ids.size(1),
           " tokens, the text encoder takes at most ", config_.max_positions);
  const auto largest = at::max(ids).item<int64_t>();
  SD_CHECK(largest < config_.vocab_size, ErrorKind::kModel, "the tokenizer gives the token ",
           largest, ", the text encoder has only ", config_.vocab_size,
           " ('vocab_size'): they do not belong together");
  return network_->forward(ids.to(placement_.device), mask);
}

std::unique_ptr<BertEncoder> load_bert_encoder(const std::filesystem::path& config_path,
                                               WeightStore& weights, const Placement& placement) {
  const BertConfig config = read_bert_config(config_path);
  weights.rename(bare_name);
  auto network = std::make_shared<BertEncoder::Network>(Weights(weights, placement), config);
  // Buffers that transformers before 4.31 stored.
  weights.finish({"embeddings.position_ids", "embeddings.token_type_ids"});
  return std::make_unique<BertEncoder>(config, std::move(network), placement);
}

}  // namespace sd
