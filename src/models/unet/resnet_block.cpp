#include "models/unet/resnet_block.h"

#include "nn/make_child.h"

namespace sd {
namespace {

/// `x` belongs to the caller alone, so that silu may overwrite it.
at::Tensor activate_own(Activation activation, at::Tensor x) {
  return activation == Activation::kSilu ? at::silu_(x) : activate(activation, x);
}

}  // namespace

ResnetBlock::ResnetBlock(const Weights& w, const UNetConfig& config, int64_t in_channels,
                         int64_t out_channels, double output_scale)
    : activation_(config.activation),
      time_scale_shift_(config.time_scale_shift),
      output_scale_(output_scale) {
  const ConvShape conv1{.in_channels = in_channels, .out_channels = out_channels};
  const ConvShape conv2{.in_channels = out_channels, .out_channels = out_channels};
  const int64_t shifts = time_scale_shift_ == TimeScaleShift::kScaleShift ? 2 : 1;
  norm1_ =
      make_child<GroupNorm>(this, w, "norm1", config.norm_groups, in_channels, config.norm_eps);
  conv1_ = make_child<Conv2d>(this, w, "conv1", conv1);
  time_emb_proj_ = make_child<Linear>(this, w, "time_emb_proj", config.block_time_width(),
                                      shifts * out_channels);
  norm2_ =
      make_child<GroupNorm>(this, w, "norm2", config.norm_groups, out_channels, config.norm_eps);
  conv2_ = make_child<Conv2d>(this, w, "conv2", conv2);
  if (in_channels != out_channels) {
    conv_shortcut_ = make_child<TokenProjection>(this, w, "conv_shortcut", in_channels,
                                                 out_channels, ProjectionWeight::kConv);
  }
}

at::Tensor ResnetBlock::forward(const at::Tensor& x, const StepInputs& step) const {
  const at::Tensor time = step.time_shifts.narrow(1, time_offset_, time_shift_width())
                              .unsqueeze(-1)
                              .unsqueeze(-1);  // [R, C or 2C, 1, 1]
  at::Tensor h = conv1_->forward(activate_own(activation_, norm1_->forward(x)));
  if (time_scale_shift_ == TimeScaleShift::kAdd) {
    h = norm2_->forward(h.add_(time));
  } else {
    const auto scale_shift = time.chunk(2, 1);
    h = norm2_->forward(h).mul_(scale_shift[0] + 1).add_(scale_shift[1]);
  }
  h = conv2_->forward(activate_own(activation_, h));

  h.add_(conv_shortcut_ ? to_image(conv_shortcut_->forward(to_tokens(x)), x) : x);
  return output_scale_ == 1 ? h : h.div_(output_scale_);
}

}  // namespace sd
