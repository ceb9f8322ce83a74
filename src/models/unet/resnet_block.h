#pragma once

#include "models/unet/step_inputs.h"
#include "models/unet/tokens.h"
#include "models/unet/unet_config.h"
#include "nn/conv.h"
#include "nn/linear.h"
#include "nn/norm.h"

namespace sd {

/// The residual block of the UNet (Ho et al. 2020, appendix B; diffusers `ResnetBlock2D`). The time
/// enters as a row of the table that `bind` made with `project_time`.
class ResnetBlock : public torch::nn::Module {
 public:
  ResnetBlock(const Weights& w, const UNetConfig& config, int64_t in_channels, int64_t out_channels,
              double output_scale = 1);

  /// activated time embeddings [S, time width] -> [S, time_shift_width()]
  at::Tensor project_time(const at::Tensor& activated) const {
    return time_emb_proj_->forward(activated);
  }
  int64_t time_shift_width() const { return time_emb_proj_->weight.size(0); }
  /// Where this block's part begins in a row of StepInputs::time_shifts.
  void set_time_offset(int64_t offset) { time_offset_ = offset; }

  /// x [B, in, h, w] -> [B, out, h, w]
  at::Tensor forward(const at::Tensor& x, const StepInputs& step) const;

 private:
  std::shared_ptr<GroupNorm> norm1_;
  std::shared_ptr<Conv2d> conv1_;
  std::shared_ptr<Linear> time_emb_proj_;
  std::shared_ptr<GroupNorm> norm2_;
  std::shared_ptr<Conv2d> conv2_;
  std::shared_ptr<TokenProjection> conv_shortcut_;  ///< none where in = out
  Activation activation_;
  TimeScaleShift time_scale_shift_;
  double output_scale_;
  int64_t time_offset_ = 0;
};

}  // namespace sd
