#include "models/hunyuan_dit/hunyuan_dit_transformer.h"

#include "core/check.h"
#include "models/hunyuan_dit/hunyuan_dit_model.h"

namespace sd {
namespace {

constexpr const char* kStyleEmbedder = "time_extra_emb.style_embedder.weight";

/// A weight file of another version than the config is the likeliest mistake.
void check_version(const HunyuanDitConfig& config, const WeightStore& weights) {
  const bool wants_style = config.meta == PictureMeta::kSizesAndStyle;
  if (wants_style == weights.has(kStyleEmbedder)) return;
  const std::string name = weights.stored_name(kStyleEmbedder);
  SD_CHECK(!wants_style, ErrorKind::kModel, weights.description(), ": tensor '", name,
           "' is missing: the config is that of HunyuanDiT 1.0 or 1.1, whose weights have a style "
           "embedder, and not that of 1.2, where 'use_style_cond_and_image_meta_size' is false");
  fail(ErrorKind::kModel, weights.description(), ": tensor '", name,
       "' is not expected: the config is that of HunyuanDiT 1.2, where "
       "'use_style_cond_and_image_meta_size' is false, these are weights of 1.0 or 1.1, which have "
       "a style embedder");
}

void check_condition(const at::Tensor& condition, at::IntArrayRef shape, const char* what) {
  SD_CHECK(condition.defined(), ErrorKind::kModel, "this transformer needs ", what,
           ", which were not given");
  SD_CHECK(condition.sizes() == shape, ErrorKind::kModel, "the transformer's ", what,
           " should have the shape ", shape, ", found ", condition.sizes());
}

}  // namespace

HunyuanDit2DModel::HunyuanDit2DModel(const Weights& w, const HunyuanDitConfig& config,
                                     int64_t table_budget)
    : config_(config), table_budget_(table_budget) {
  const int64_t width = config.width();
  text_embedder_ = make_child<TimestepMlp>(
      this, w, "text_embedder",
      TimestepMlpShape{
          .in = config.t5_width, .out = config.text_width, .hidden = 4 * config.t5_width});
  text_embedding_padding_ = register_parameter(
      "text_embedding_padding",
      w.get("text_embedding_padding", {config.all_text_length(), config.text_width}), false);
  pos_embed_ = make_child<PatchProjection>(this, w, "pos_embed", config);
  time_extra_emb_ = make_child<TimeExtraEmbedding>(this, w, "time_extra_emb", config);
  blocks_ = register_module("blocks", std::make_shared<ModuleList<HunyuanDitBlock>>());
  for (int64_t i = 0; i < config.layers; ++i) {
    const LongSkip skip = i > config.layers / 2 ? LongSkip::kYes : LongSkip::kNone;
    blocks_->append(std::make_shared<HunyuanDitBlock>(w["blocks"][i], config, skip));
  }
  norm_out_ = make_child<Modulation>(this, w, "norm_out", width, 2);
  proj_out_ = make_child<Linear>(this, w, "proj_out", width,
                                 config.patch_size * config.patch_size * config.out_channels());
  collect_attentions();
}

void HunyuanDit2DModel::collect_attentions() {
  for (size_t i = 0; i < blocks_->size(); ++i) {
    const std::string name = concat_text("blocks.", i);
    add_attention((*blocks_)[i].self_attention(), name + ".attn1");
    add_attention((*blocks_)[i].cross_attention(), name + ".attn2");
  }
}

void HunyuanDit2DModel::check(const Conditioning& c) const {
  SD_CHECK(c.text.defined(), ErrorKind::kModel,
           "this transformer needs text states, which were not given");
  const int64_t rows = c.text.size(0);
  check_condition(c.text, {rows, config_.text_length, config_.text_width}, "text states");
  check_condition(c.t5, {rows, config_.t5_length, config_.t5_width}, "T5 states");
  if (c.text_mask.defined()) {
    check_condition(c.text_mask, {rows, config_.text_length}, "masks of the text");
  }
  if (c.t5_mask.defined()) check_condition(c.t5_mask, {rows, config_.t5_length}, "masks of T5");
  if (config_.meta == PictureMeta::kSizesAndStyle) {
    check_condition(c.time_ids, {rows, 6}, "sizes of the pictures");
  }
  SD_CHECK(c.rope.defined(), ErrorKind::kModel,
           "this transformer needs rotary positions, which were not given");
  check_condition(c.rope, {2, c.rope.size(1), config_.head_width}, "rotary positions");
}

at::Tensor HunyuanDit2DModel::embed_text(const Conditioning& c) const {
  const at::Tensor t5 = text_embedder_->forward(c.t5);
  const auto mask_of = [](const at::Tensor& mask, const at::Tensor& states) {
    return mask.defined()
               ? mask.to(at::kBool)
               : at::ones({states.size(0), states.size(1)}, states.options().dtype(at::kBool));
  };
  const at::Tensor mask = at::cat({mask_of(c.text_mask, c.text), mask_of(c.t5_mask, t5)}, 1);
  return at::where(mask.unsqueeze(2), at::cat({c.text, t5}, 1), text_embedding_padding_);
}

void HunyuanDit2DModel::bind(const Conditioning& conditioning, const at::Tensor& times) {
  check(conditioning);
  const auto as_told = [&](const at::Tensor& numbers) {
    return conditioning.rounded_times && numbers.defined() ? numbers.to(dtype()).to(at::kFloat)
                                                           : numbers;
  };
  const at::Tensor text = embed_text(conditioning);
  for (const auto& block : *blocks_) block->bind(text);
  extra_ = time_extra_emb_->embed_extra(conditioning.t5, as_told(conditioning.time_ids));
  rotation_ = rotation_of(conditioning.rope.to(extra_.device()));
  times_ = as_told(times.dim() == 1 ? times.unsqueeze(1) : times);
  const int64_t parts = config_.layers + 2;
  modulations_ =
      StepTable(times_.size(0), parts * extra_.numel() * extra_.element_size(), table_budget_,
                [this](int64_t first, int64_t count) { return make_modulations(first, count); });
}

/// The shifts of all blocks and the modulation of norm_out for the steps [first, first + count),
/// one product for each layer -> [count, N, (layers + 2) · D]
at::Tensor HunyuanDit2DModel::make_modulations(int64_t first, int64_t count) const {
  const int64_t width = config_.width();
  const at::Tensor times = times_.narrow(0, first, count);
  const at::Tensor embedded =
      time_extra_emb_->embed_times(times.flatten(), dtype()).unflatten(0, {count, times.size(1)});
  const at::Tensor activated = at::silu(embedded + extra_).flatten(0, 1);  // [count · N, D]
  at::Tensor table =
      at::empty({activated.size(0), (config_.layers + 2) * width}, activated.options());
  int64_t offset = 0;
  const auto put = [&](const at::Tensor& part) {
    table.narrow(1, offset, part.size(1)).copy_(part);
    offset += part.size(1);
  };
  for (const auto& block : *blocks_) put(block->shift(activated));
  at::Tensor out = norm_out_->forward(activated);
  out.narrow(1, 0, width).add_(1);  // the scale comes first
  put(out);
  return table.unflatten(0, {count, extra_.size(0)});
}

at::Tensor HunyuanDit2DModel::run(const at::Tensor& sample, int64_t step) {
  const int64_t patch = config_.patch_size;
  const int64_t h = sample.size(2);
  const int64_t w = sample.size(3);
  SD_CHECK(h % patch == 0 && w % patch == 0, ErrorKind::kUsage, "latents of ", w, "x", h,
           " cells cannot be cut into patches of ", patch, "x", patch);
  TORCH_INTERNAL_ASSERT(sample.size(0) == extra_.size(0), "sample of ", sample.size(0),
                        " rows in a run that was bound to ", extra_.size(0));
  TORCH_INTERNAL_ASSERT((h / patch) * (w / patch) == rotation_.size(0), "sample of ", h, "x", w,
                        " cells in a run that was bound to ", rotation_.size(0), " patches");
  const int64_t width = config_.width();
  const at::Tensor& modulations = modulations_.row(step);
  at::Tensor x = pos_embed_->forward(sample);
  std::vector<at::Tensor> skips;
  for (int64_t i = 0; i < config_.layers; ++i) {
    const HunyuanDitBlock& block = (*blocks_)[i];
    at::Tensor skip;
    if (block.has_skip()) {
      skip = std::move(skips.back());
      skips.pop_back();
    }
    x = block.forward(
        x, skip,
        {.shift = modulations.narrow(1, i * width, width), .rotation = rotation_, .step = step});
    if (i + 1 < config_.layers / 2) skips.push_back(x);
  }
  const at::Tensor out = modulations.narrow(1, config_.layers * width, 2 * width).unsqueeze(1);
  const at::Tensor tokens =
      proj_out_->forward(modulate(x, out.narrow(2, 0, width), out.narrow(2, width, width)));
  return unpatchify(tokens, h, w, patch);
}

std::unique_ptr<HunyuanDitTransformer> load_hunyuan_dit_transformer(const HunyuanDitConfig& config,
                                                                    WeightStore& weights,
                                                                    const Placement& placement) {
  check_version(config, weights);
  auto network = std::make_unique<HunyuanDit2DModel>(Weights(weights, placement), config);
  weights.finish();
  return network;
}

}  // namespace sd
