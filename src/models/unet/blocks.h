#pragma once

#include <vector>

#include "models/unet/resnet_block.h"
#include "models/unet/transformer_2d.h"

namespace sd {

/// Feature maps on their way from a level's way down to its way up; the last one is taken first.
using Skips = std::vector<at::Tensor>;

/// Does a level end with a change of resolution?
enum class Resampling { kNone, kYes };

/// Halves height and width with a convolution (diffusers `Downsample2D`). Child: conv.
class Downsample : public torch::nn::Module {
 public:
  Downsample(const Weights& w, int64_t channels, int64_t padding);

  /// x [B, C, h, w] -> [B, C, ⌈h/2⌉, ⌈w/2⌉] with padding 1; ⌊h/2⌋, ⌊w/2⌋ with padding 0
  at::Tensor forward(const at::Tensor& x) const;

 private:
  int64_t padding_;
  std::shared_ptr<Conv2d> conv_;
};

/// Nearest neighbours, then a convolution (diffusers `Upsample2D`). Child: conv.
class Upsample : public torch::nn::Module {
 public:
  Upsample(const Weights& w, int64_t channels);

  /// x [B, C, h, w] -> [B, C, h', w'], height and width of `like`
  at::Tensor forward(const at::Tensor& x, const at::Tensor& like) const;

 private:
  std::shared_ptr<Conv2d> conv_;
};

/// A level on the way down: residual blocks, each followed by a transformer where the level has
/// them (diffusers `DownBlock2D`, `CrossAttnDownBlock2D`).
class DownBlock : public torch::nn::Module {
 public:
  DownBlock(const Weights& w, const UNetConfig& config, const UNetLevel& level, int64_t in_channels,
            Resampling resampling);

  /// x [B, in, h, w] -> [B, channels, h', w']; every stage's output is put on `skips`
  at::Tensor forward(at::Tensor x, const StepInputs& step, Skips& skips) const;

 private:
  std::shared_ptr<ModuleList<Transformer2D>> attentions_;  ///< empty, or as many as resnets
  std::shared_ptr<ModuleList<ResnetBlock>> resnets_;
  std::shared_ptr<ModuleList<Downsample>> downsamplers_;  ///< one or none
};

/// The lowest level: a residual block, and with cross-attention a transformer and a second residual
/// block (diffusers `UNetMidBlock2D` as UNets use it, `UNetMidBlock2DCrossAttn`).
class MidBlock : public torch::nn::Module {
 public:
  MidBlock(const Weights& w, const UNetConfig& config);

  /// x [B, C, h, w] -> same shape
  at::Tensor forward(at::Tensor x, const StepInputs& step) const;

 private:
  std::shared_ptr<ModuleList<Transformer2D>> attentions_;
  std::shared_ptr<ModuleList<ResnetBlock>> resnets_;
};

/// Channels that a level on the way up is fed with.
struct UpChannels {
  int64_t below = 0;  ///< of the level below, which arrive first
  int64_t skip = 0;   ///< of the last skip; the others have the level's own
};

/// A level on the way up: each residual block sees the last output and one skip (diffusers
/// `UpBlock2D`, `CrossAttnUpBlock2D`).
class UpBlock : public torch::nn::Module {
 public:
  UpBlock(const Weights& w, const UNetConfig& config, const UNetLevel& level,
          const UpChannels& channels, Resampling resampling);

  /// x [B, below, h, w] -> [B, channels, h', w']; takes one skip for each layer
  at::Tensor forward(at::Tensor x, const StepInputs& step, Skips& skips) const;

 private:
  std::shared_ptr<ModuleList<Transformer2D>> attentions_;  ///< empty, or as many as resnets
  std::shared_ptr<ModuleList<ResnetBlock>> resnets_;
  std::shared_ptr<ModuleList<Upsample>> upsamplers_;  ///< one or none
};

}  // namespace sd
