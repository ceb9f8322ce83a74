#include "models/unet/blocks.h"

#include <limits>

namespace sd {
namespace {

template <typename M>
std::shared_ptr<ModuleList<M>> make_list(torch::nn::Module* parent, const std::string& name) {
  return parent->register_module(name, std::make_shared<ModuleList<M>>());
}

TransformerShape transformer_shape(const UNetLevel& level, int64_t layer) {
  return {.width = level.channels,
          .text_width = level.text_width,
          .heads = level.heads,
          .depth = level.transformer_depths[layer],
          .only_cross_attention = level.only_cross_attention};
}

void append_transformers(ModuleList<Transformer2D>& attentions, const Weights& w,
                         const UNetConfig& config, const UNetLevel& level) {
  if (level.type == UNetBlockType::kPlain) return;
  for (int64_t i = 0; i < level.layers; ++i) {
    attentions.append(
        std::make_shared<Transformer2D>(w["attentions"][i], config, transformer_shape(level, i)));
  }
}

/// a [B, C1, h, w], b [B, C2, h, w] -> [B, C1 + C2, h, w], joined in the last dimension of memory
at::Tensor cat_channels(const at::Tensor& a, const at::Tensor& b) {
  return at::cat({a.permute({0, 2, 3, 1}), b.permute({0, 2, 3, 1})}, 3).permute({0, 3, 1, 2});
}

}  // namespace

Downsample::Downsample(const Weights& w, int64_t channels, int64_t padding)
    : padding_(padding),
      conv_(make_child<Conv2d>(this, w, "conv",
                               ConvShape{.in_channels = channels,
                                         .out_channels = channels,
                                         .stride = 2,
                                         .padding = padding})) {}

at::Tensor Downsample::forward(const at::Tensor& x) const {
  return conv_->forward(padding_ == 0 ? at::pad(x, {0, 1, 0, 1}) : x);
}

Upsample::Upsample(const Weights& w, int64_t channels)
    : conv_(make_child<Conv2d>(this, w, "conv",
                               ConvShape{.in_channels = channels, .out_channels = channels})) {}

at::Tensor Upsample::forward(const at::Tensor& x, const at::Tensor& like) const {
  const auto size = like.sizes().slice(2);
  // The channels_last kernel of CUDA counts in 32 bits (pytorch issue 141831).
  const int64_t elements = x.size(0) * x.size(1) * size[0] * size[1];
  const bool is_large = elements > std::numeric_limits<int32_t>::max();
  const at::Tensor larger = at::upsample_nearest2d(is_large ? x.contiguous() : x, size);
  return conv_->forward(larger.contiguous(at::MemoryFormat::ChannelsLast));
}

DownBlock::DownBlock(const Weights& w, const UNetConfig& config, const UNetLevel& level,
                     int64_t in_channels, Resampling resampling)
    : attentions_(make_list<Transformer2D>(this, "attentions")),
      resnets_(make_list<ResnetBlock>(this, "resnets")),
      downsamplers_(make_list<Downsample>(this, "downsamplers")) {
  append_transformers(*attentions_, w, config, level);
  for (int64_t i = 0; i < level.layers; ++i) {
    resnets_->append(std::make_shared<ResnetBlock>(
        w["resnets"][i], config, i == 0 ? in_channels : level.channels, level.channels));
  }
  if (resampling == Resampling::kYes) {
    downsamplers_->append(std::make_shared<Downsample>(w["downsamplers"][0], level.channels,
                                                       config.downsample_padding));
  }
}

at::Tensor DownBlock::forward(at::Tensor x, const StepInputs& step, Skips& skips) const {
  for (size_t i = 0; i < resnets_->size(); ++i) {
    x = (*resnets_)[i].forward(x, step);
    if (!attentions_->empty()) x = (*attentions_)[i].forward(x, step.step);
    skips.push_back(x);
  }
  for (const auto& downsampler : *downsamplers_) {
    x = downsampler->forward(x);
    skips.push_back(x);
  }
  return x;
}

MidBlock::MidBlock(const Weights& w, const UNetConfig& config)
    : attentions_(make_list<Transformer2D>(this, "attentions")),
      resnets_(make_list<ResnetBlock>(this, "resnets")) {
  const UNetLevel& lowest = config.down.back();
  const bool has_attention = config.mid_type == UNetMidType::kCrossAttention;
  if (has_attention) {
    const TransformerShape shape{.width = lowest.channels,
                                 .text_width = lowest.text_width,
                                 .heads = lowest.heads,
                                 .depth = config.mid_transformer_depth};
    attentions_->append(std::make_shared<Transformer2D>(w["attentions"][0], config, shape));
  }
  for (int64_t i = 0; i < (has_attention ? 2 : 1); ++i) {
    resnets_->append(std::make_shared<ResnetBlock>(w["resnets"][i], config, lowest.channels,
                                                   lowest.channels, config.mid_block_scale_factor));
  }
}

at::Tensor MidBlock::forward(at::Tensor x, const StepInputs& step) const {
  x = (*resnets_)[0].forward(x, step);
  for (size_t i = 0; i < attentions_->size(); ++i) {
    x = (*attentions_)[i].forward(x, step.step);
    x = (*resnets_)[i + 1].forward(x, step);
  }
  return x;
}

UpBlock::UpBlock(const Weights& w, const UNetConfig& config, const UNetLevel& level,
                 const UpChannels& channels, Resampling resampling)
    : attentions_(make_list<Transformer2D>(this, "attentions")),
      resnets_(make_list<ResnetBlock>(this, "resnets")),
      upsamplers_(make_list<Upsample>(this, "upsamplers")) {
  append_transformers(*attentions_, w, config, level);
  for (int64_t i = 0; i < level.layers; ++i) {
    const int64_t from_below = i == 0 ? channels.below : level.channels;
    const int64_t from_skip = i == level.layers - 1 ? channels.skip : level.channels;
    resnets_->append(std::make_shared<ResnetBlock>(w["resnets"][i], config, from_below + from_skip,
                                                   level.channels));
  }
  if (resampling == Resampling::kYes) {
    upsamplers_->append(std::make_shared<Upsample>(w["upsamplers"][0], level.channels));
  }
}

at::Tensor UpBlock::forward(at::Tensor x, const StepInputs& step, Skips& skips) const {
  for (size_t i = 0; i < resnets_->size(); ++i) {
    x = (*resnets_)[i].forward(cat_channels(x, skips.back()), step);
    skips.pop_back();
    if (!attentions_->empty()) x = (*attentions_)[i].forward(x, step.step);
  }
  // The next level's first skip has the size to grow to, odd sizes included: diffusers doubles
  // where every size is a multiple of the whole factor, and looks at the skip where one is not.
  for (const auto& upsampler : *upsamplers_) x = upsampler->forward(x, skips.back());
  return x;
}

}  // namespace sd
