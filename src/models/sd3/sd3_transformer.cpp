#include "models/sd3/sd3_transformer.h"

#include <algorithm>

#include "core/check.h"
#include "models/sd3/sd3_transformer_model.h"
#include "nn/timestep_embedding.h"

namespace sd {
namespace {

JointBlockShape shape_of_block(const Sd3Config& config, int64_t i) {
  return {
      .attention = {.heads = config.heads,
                    .head_width = config.head_width,
                    .qk_norm = config.qk_norm,
                    .streams = JointStreams::kImageAndText,
                    .text_output = i + 1 < config.layers ? TextOutput::kYes : TextOutput::kNone},
      .is_dual = config.dual_layers.contains(i)};
}

void check_condition(const at::Tensor& condition, int64_t width, const char* what) {
  SD_CHECK(condition.defined(), ErrorKind::kModel, "this transformer needs ", what,
           ", which were not given");
  SD_CHECK(condition.size(-1) == width, ErrorKind::kModel, "the transformer's ", what,
           " should be ", width, " wide, found ", condition.size(-1));
}

}  // namespace

at::Tensor TimeTextEmbedding::embed_times(const at::Tensor& times, at::ScalarType dtype) const {
  const at::Tensor sinusoid = timestep_embedding(times, {.width = kSinusoidWidth});
  return timestep_embedder_->forward(sinusoid.to(dtype));
}

Sd3Transformer2DModel::Sd3Transformer2DModel(const Weights& w, const Sd3Config& config,
                                             int64_t table_budget)
    : config_(config), table_budget_(table_budget) {
  const int64_t width = config.width();
  pos_embed_ = make_child<PatchEmbedding>(this, w, "pos_embed", config);
  time_text_embed_ =
      make_child<TimeTextEmbedding>(this, w, "time_text_embed", width, config.pooled_width);
  context_embedder_ = make_child<Linear>(this, w, "context_embedder", config.text_width, width);
  transformer_blocks_ =
      register_module("transformer_blocks", std::make_shared<ModuleList<JointTransformerBlock>>());
  for (int64_t i = 0; i < config.layers; ++i) {
    transformer_blocks_->append(std::make_shared<JointTransformerBlock>(w["transformer_blocks"][i],
                                                                        shape_of_block(config, i)));
  }
  norm_out_ = make_child<Modulation>(this, w, "norm_out", width, 2);
  proj_out_ = make_child<Linear>(this, w, "proj_out", width,
                                 config.patch_size * config.patch_size * config.out_channels);
  collect_attentions();
}

void Sd3Transformer2DModel::collect_attentions() {
  for (size_t i = 0; i < transformer_blocks_->size(); ++i) {
    const JointTransformerBlock& block = (*transformer_blocks_)[i];
    const std::string name = concat_text("transformer_blocks.", i);
    add_attention(block.attention(), name + ".attn");
    if (block.second_attention()) add_attention(*block.second_attention(), name + ".attn2");
    modulation_width_ += block.modulation_width();
  }
  modulation_width_ += 2 * config_.width();
}

void Sd3Transformer2DModel::bind(const Conditioning& conditioning, const at::Tensor& times) {
  check_condition(conditioning.text, config_.text_width, "text states");
  check_condition(conditioning.pooled, config_.pooled_width, "pooled text states");
  const int64_t rows = conditioning.text.size(0);
  SD_CHECK(conditioning.pooled.size(0) == rows, ErrorKind::kModel, "the pooled text states should ",
           "have as many rows as the text states, ", rows, ", found ", conditioning.pooled.size(0));
  text_ = context_embedder_->forward(conditioning.text);
  pooled_ = time_text_embed_->embed_text(conditioning.pooled);
  times_ = times.dim() == 1 ? times.unsqueeze(1) : times;
  const int64_t step_bytes = rows * modulation_width_ * text_.element_size();
  modulations_ =
      StepTable(times_.size(0), step_bytes, table_budget_,
                [this](int64_t first, int64_t count) { return make_modulations(first, count); });
}

/// The modulations of all blocks for the steps [first, first + count), one product for each layer
/// -> [count, N, modulation_width_]
at::Tensor Sd3Transformer2DModel::make_modulations(int64_t first, int64_t count) const {
  const at::Tensor times = times_.narrow(0, first, count);
  const at::Tensor embedded = time_text_embed_->embed_times(times.flatten(), pooled_.scalar_type())
                                  .unflatten(0, {count, times.size(1)});
  const at::Tensor activated = at::silu(embedded + pooled_).flatten(0, 1);  // [count · N, D]
  at::Tensor table = at::empty({activated.size(0), modulation_width_}, activated.options());
  int64_t offset = 0;
  const auto put = [&](const at::Tensor& part) {
    table.narrow(1, offset, part.size(1)).copy_(part);
    offset += part.size(1);
  };
  for (const auto& block : *transformer_blocks_) put(block->modulations(activated));
  at::Tensor out = norm_out_->forward(activated);
  out.narrow(1, 0, config_.width()).add_(1);  // the scale comes first
  put(out);
  return table.unflatten(0, {count, pooled_.size(0)});
}

at::Tensor Sd3Transformer2DModel::run(const at::Tensor& sample, int64_t step) {
  TORCH_INTERNAL_ASSERT(sample.size(0) == text_.size(0), "sample of ", sample.size(0),
                        " rows in a run that was bound to ", text_.size(0));
  return forward(sample, {.text = text_, .modulations = modulations_.row(step), .step = step}, {});
}

at::Tensor Sd3Transformer2DModel::run_without(const at::Tensor& sample, int64_t step,
                                              const std::vector<int>& skipped) {
  const int64_t rows = sample.size(0);
  const int64_t first = text_.size(0) - rows;
  TORCH_INTERNAL_ASSERT(first >= 0);
  return forward(sample,
                 {.text = text_.narrow(0, first, rows),
                  .modulations = modulations_.row(step).narrow(0, first, rows),
                  .step = step},
                 skipped);
}

at::Tensor Sd3Transformer2DModel::forward(const at::Tensor& sample, const Bound& bound,
                                          const std::vector<int>& skipped) const {
  Streams streams{pos_embed_->forward(sample), bound.text};
  int64_t offset = 0;
  for (size_t i = 0; i < transformer_blocks_->size(); ++i) {
    const JointTransformerBlock& block = (*transformer_blocks_)[i];
    const at::Tensor own = bound.modulations.narrow(1, offset, block.modulation_width());
    offset += block.modulation_width();
    if (std::ranges::find(skipped, static_cast<int>(i)) != skipped.end()) continue;
    streams = block.forward(streams, own, bound.step);
  }
  const int64_t width = config_.width();
  const at::Tensor out = bound.modulations.narrow(1, offset, 2 * width).unsqueeze(1);
  const at::Tensor tokens = proj_out_->forward(
      modulate(streams.image, out.narrow(2, 0, width), out.narrow(2, width, width)));
  return unpatchify(tokens, sample.size(2), sample.size(3), config_.patch_size);
}

std::unique_ptr<Sd3Transformer> load_sd3_transformer(const Sd3Config& config, WeightStore& weights,
                                                     const Placement& placement) {
  auto network = std::make_unique<Sd3Transformer2DModel>(Weights(weights, placement), config);
  weights.finish();
  return network;
}

}  // namespace sd
