#include "vae/vae_blocks.h"

#include "nn/attention.h"

namespace sd {
namespace {

constexpr double kNormEps = 1e-6;  // of every norm in the autoencoder

using ResnetList = ModuleList<VaeResnetBlock>;

std::shared_ptr<ResnetList> make_resnets(const Weights& w, VaeLevelShape shape) {
  auto resnets = std::make_shared<ResnetList>();
  for (int64_t i = 0; i < shape.layers; ++i) {
    resnets->append(std::make_shared<VaeResnetBlock>(w[i], shape));
    shape.in_channels = shape.out_channels;
  }
  return resnets;
}

at::Tensor pointwise_weight(const Weights& w, int64_t in, int64_t out) {
  if (w.shape("weight").size() == 4) return w.get("weight", {out, in, 1, 1}).view({out, in});
  return w.get("weight", {out, in});
}

}  // namespace

VaeResnetBlock::VaeResnetBlock(const Weights& w, const VaeLevelShape& shape)
    : activation_(shape.activation) {
  const int64_t in = shape.in_channels;
  const int64_t out = shape.out_channels;
  norm1_ = make_child<GroupNorm>(this, w, "norm1", shape.groups, in, kNormEps);
  conv1_ = make_child<Conv2d>(this, w, "conv1", ConvShape{in, out});
  norm2_ = make_child<GroupNorm>(this, w, "norm2", shape.groups, out, kNormEps);
  conv2_ = make_child<Conv2d>(this, w, "conv2", ConvShape{out, out});
  if (in != out) {
    const ConvShape pointwise{.in_channels = in, .out_channels = out, .kernel = 1, .padding = 0};
    conv_shortcut_ = make_child<Conv2d>(this, w, "conv_shortcut", pointwise);
  }
}

at::Tensor VaeResnetBlock::forward(const at::Tensor& x) const {
  at::Tensor hidden = conv1_->forward(activate(activation_, norm1_->forward(x)));
  hidden = conv2_->forward(activate(activation_, norm2_->forward(hidden)));
  return (conv_shortcut_ ? conv_shortcut_->forward(x) : x) + hidden;
}

PointwiseLinear::PointwiseLinear(const Weights& w, int64_t in_features, int64_t out_features)
    : weight(register_parameter("weight", pointwise_weight(w, in_features, out_features), false)),
      bias(register_parameter("bias", w.get("bias", {out_features}), false)) {}

VaeAttention::VaeAttention(const Weights& w, int64_t channels, int64_t groups)
    : group_norm_(make_child<GroupNorm>(this, w, "group_norm", groups, channels, kNormEps)),
      to_q_(make_child<PointwiseLinear>(this, w, "to_q", channels, channels)),
      to_k_(make_child<PointwiseLinear>(this, w, "to_k", channels, channels)),
      to_v_(make_child<PointwiseLinear>(this, w, "to_v", channels, channels)),
      to_out_(register_module("to_out", std::make_shared<ModuleList<PointwiseLinear>>())) {
  to_out_->append(std::make_shared<PointwiseLinear>(w["to_out"][0], channels, channels));
}

at::Tensor VaeAttention::forward(const at::Tensor& x) const {
  constexpr int64_t kHeads = 1;
  const at::Tensor cells = group_norm_->forward(x).permute({0, 2, 3, 1}).flatten(1, 2);
  const at::Tensor q = split_heads(to_q_->forward(cells), kHeads);
  const at::Tensor k = split_heads(to_k_->forward(cells), kHeads);
  const at::Tensor v = split_heads(to_v_->forward(cells), kHeads);
  const at::Tensor mixed = (*to_out_)[0].forward(merge_heads(attention(q, k, v)));
  return x + mixed.unflatten(1, {x.size(2), x.size(3)}).permute({0, 3, 1, 2});
}

VaeMidBlock::VaeMidBlock(const Weights& w, const VaeLevelShape& shape, MidAttention attention)
    : resnets_(register_module("resnets", make_resnets(w["resnets"], shape))) {
  TORCH_INTERNAL_ASSERT(shape.layers == 2 && shape.in_channels == shape.out_channels);
  if (attention == MidAttention::kNo) return;
  attentions_ = register_module("attentions", std::make_shared<ModuleList<VaeAttention>>());
  attentions_->append(
      std::make_shared<VaeAttention>(w["attentions"][0], shape.out_channels, shape.groups));
}

at::Tensor VaeMidBlock::forward(at::Tensor x) const {
  x = (*resnets_)[0].forward(x);
  if (attentions_) x = (*attentions_)[0].forward(x);
  return (*resnets_)[1].forward(x);
}

VaeDownsample::VaeDownsample(const Weights& w, int64_t channels) {
  const ConvShape shape{channels, channels, /*kernel=*/3, /*stride=*/2, /*padding=*/0};
  conv_ = make_child<Conv2d>(this, w, "conv", shape);
}

at::Tensor VaeDownsample::forward(const at::Tensor& x) const {
  return conv_->forward(at::pad(x, {0, 1, 0, 1}));
}

VaeUpsample::VaeUpsample(const Weights& w, int64_t channels)
    : conv_(make_child<Conv2d>(this, w, "conv", ConvShape{channels, channels})) {}

at::Tensor VaeUpsample::forward(const at::Tensor& x) const {
  return conv_->forward(at::upsample_nearest2d(x, {2 * x.size(2), 2 * x.size(3)}));
}

DownEncoderBlock::DownEncoderBlock(const Weights& w, const VaeLevelShape& shape,
                                   Resample downsample)
    : resnets_(register_module("resnets", make_resnets(w["resnets"], shape))) {
  if (downsample == Resample::kNo) return;
  downsamplers_ = register_module("downsamplers", std::make_shared<ModuleList<VaeDownsample>>());
  downsamplers_->append(std::make_shared<VaeDownsample>(w["downsamplers"][0], shape.out_channels));
}

at::Tensor DownEncoderBlock::forward(at::Tensor x) const {
  for (const auto& resnet : *resnets_) x = resnet->forward(x);
  return downsamplers_ ? (*downsamplers_)[0].forward(x) : x;
}

UpDecoderBlock::UpDecoderBlock(const Weights& w, const VaeLevelShape& shape, Resample upsample)
    : resnets_(register_module("resnets", make_resnets(w["resnets"], shape))) {
  if (upsample == Resample::kNo) return;
  upsamplers_ = register_module("upsamplers", std::make_shared<ModuleList<VaeUpsample>>());
  upsamplers_->append(std::make_shared<VaeUpsample>(w["upsamplers"][0], shape.out_channels));
}

at::Tensor UpDecoderBlock::forward(at::Tensor x) const {
  for (const auto& resnet : *resnets_) x = resnet->forward(x);
  return upsamplers_ ? (*upsamplers_)[0].forward(x) : x;
}

}  // namespace sd
