#include "text/clip_text_model.h"

#include <algorithm>
#include <span>

#include "core/check.h"
#include "text/clip_text_network.h"

namespace sd {
namespace {

/// Where the text ends in a row of ids. With the `eos_token_id` 2 of configs older than
/// transformers 4.31 it is the first of the largest ids, else the first `eos_token_id`, or the
/// start where there is none (transformers `CLIPTextTransformer.forward`).
int64_t end_position(std::span<const int64_t> ids, int64_t eos_token_id) {
  constexpr int64_t kLegacyEos = 2;
  if (eos_token_id == kLegacyEos) return std::max_element(ids.begin(), ids.end()) - ids.begin();
  const auto found = std::find(ids.begin(), ids.end(), eos_token_id);
  return found == ids.end() ? 0 : found - ids.begin();
}

/// The states [1, D] of x [B, T, D] at the end of each text.
std::vector<at::Tensor> at_ends(const at::Tensor& x, const at::Tensor& ids, int64_t eos_token_id) {
  const auto count = static_cast<size_t>(ids.size(1));
  std::vector<at::Tensor> ends;
  for (int64_t b = 0; b < x.size(0); ++b) {
    const std::span<const int64_t> row(ids.const_data_ptr<int64_t>() + b * ids.size(1), count);
    ends.push_back(x[b].narrow(0, end_position(row, eos_token_id), 1));
  }
  return ends;
}

/// Keys of transformers 5, which dropped the prefix -> those of transformers 4.
std::string prefixed_name(const std::string& key) {
  for (const std::string_view part : {"embeddings.", "encoder.", "final_layer_norm."}) {
    if (key.starts_with(part)) return "text_model." + key;
  }
  return key;
}

}  // namespace

ClipTextEmbeddings::ClipTextEmbeddings(const Weights& w, const ClipTextConfig& config)
    : token_embedding_(
          make_child<Embedding>(this, w, "token_embedding", config.vocab_size, config.hidden_size)),
      position_embedding_(make_child<Embedding>(this, w, "position_embedding", config.max_positions,
                                                config.hidden_size)) {}

at::Tensor ClipTextEmbeddings::forward(const at::Tensor& ids) const {
  return token_embedding_->forward(ids) + position_embedding_->weight.narrow(0, 0, ids.size(1));
}

ClipTextTransformer::ClipTextTransformer(const Weights& w, const ClipTextConfig& config)
    : embeddings_(make_child<ClipTextEmbeddings>(this, w, "embeddings", config)),
      encoder_(make_child<ClipLayers>(
          this, w, "encoder", config.layers,
          ClipLayerShape{config.hidden_size, config.heads, config.intermediate_size,
                         config.activation, config.layer_norm_eps})),
      final_layer_norm_(make_child<LayerNorm>(this, w, "final_layer_norm", config.hidden_size,
                                              config.layer_norm_eps)) {}

ClipTextEncoder::Network::Network(const Weights& w, const ClipTextConfig& config, ClipTextHead head)
    : text_model_(make_child<ClipTextTransformer>(this, w, "text_model", config)) {
  if (head == ClipTextHead::kNone) return;
  text_projection_ = make_child<Linear>(this, w, "text_projection", config.hidden_size,
                                        config.projection_dim, Bias::kNo);
}

ClipTextEncoder::ClipTextEncoder(const ClipTextConfig& config, std::shared_ptr<Network> network,
                                 const Placement& placement)
    : config_(config), network_(std::move(network)), placement_(placement) {}

ClipTextOutput ClipTextEncoder::encode(const at::Tensor& ids,
                                       const ClipTextRequest& request) const {
  check_ids(ids);
  std::vector<int64_t> wanted;
  for (const ClipTextState& state : request.states) wanted.push_back(layer_of(state));
  int64_t layers = request.pooled ? config_.layers : 0;
  for (const int64_t layer : wanted) layers = std::max(layers, layer);

  const ClipTextTransformer& transformer = network_->transformer();
  ClipTextOutput output;
  output.states.resize(wanted.size());
  at::Tensor x = transformer.embed(ids.to(placement_.device));
  for (int64_t layer = 0;; ++layer) {
    for (size_t i = 0; i < wanted.size(); ++i) {
      if (wanted[i] != layer) continue;
      const bool norm = request.states[i].final_norm == FinalNorm::kYes;
      output.states[i] = norm ? transformer.final_norm(x) : x;
    }
    if (layer == layers) break;
    x = transformer.run_layer(layer, x);
  }
  if (request.pooled) {
    // One by one: a product of one row has other last bits than one of several.
    std::vector<at::Tensor> rows = at_ends(x, ids.contiguous(), config_.eos_token_id);
    for (at::Tensor& row : rows) row = network_->project(transformer.final_norm(row));
    output.pooled = at::cat(rows);
  }
  return output;
}

void ClipTextEncoder::check_ids(const at::Tensor& ids) const {
  TORCH_INTERNAL_ASSERT(ids.dim() == 2 && ids.numel() > 0 && ids.scalar_type() == at::kLong &&
                        ids.is_cpu());
  SD_CHECK(ids.size(1) <= config_.max_positions, ErrorKind::kUsage, "the prompt has ", ids.size(1),
           " tokens, the text encoder takes at most ", config_.max_positions);
  const auto largest = at::max(ids).item<int64_t>();
  SD_CHECK(largest < config_.vocab_size, ErrorKind::kModel, "the tokenizer gives the token ",
           largest, ", the text encoder has only ", config_.vocab_size,
           " ('vocab_size'): they do not belong together");
}

int64_t ClipTextEncoder::layer_of(const ClipTextState& state) const {
  const int64_t count = config_.layers + 1;
  const int64_t layer = state.index < 0 ? state.index + count : state.index;
  SD_CHECK(0 <= layer && layer < count, ErrorKind::kUsage, "Hidden state ", state.index,
           " was asked for (clip skip), but the text encoder has ", count, " of them");
  return layer;
}

std::unique_ptr<ClipTextEncoder> load_clip_text_encoder(const std::filesystem::path& config_path,
                                                        WeightStore& weights,
                                                        const Placement& placement,
                                                        ClipTextHead head) {
  const ClipTextConfig config = read_clip_text_config(config_path);
  weights.rename(prefixed_name);
  auto network =
      std::make_shared<ClipTextEncoder::Network>(Weights(weights, placement), config, head);
  std::vector<std::string> known = {"embeddings.position_ids"};
  // CLIPTextModel, too, loads from a file that has a projection, and leaves it alone.
  if (head == ClipTextHead::kNone) known.emplace_back("text_projection.weight");
  weights.finish(known);
  return std::make_unique<ClipTextEncoder>(config, std::move(network), placement);
}

}  // namespace sd
