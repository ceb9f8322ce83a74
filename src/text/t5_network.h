#pragma once

#include "nn/embedding.h"
#include "text/t5_blocks.h"

namespace sd {

/// Blocks and final norm, `encoder`.
class T5Stack : public torch::nn::Module {
 public:
  T5Stack(const Weights& w, const T5Config& config);

  /// x [B, T, D]; mask [B, T] int64 on any device or undefined -> [B, T, D]
  at::Tensor forward(at::Tensor x, const at::Tensor& mask) const;

 private:
  std::shared_ptr<ModuleList<T5Block>> block_;
  std::shared_ptr<RmsNorm> final_layer_norm_;
};

/// The modules of a T5EncoderModel, under the names that they have in transformers.
class T5Encoder::Network : public torch::nn::Module {
 public:
  Network(const Weights& w, const T5Config& config);

  /// ids [B, T] on the weights' device, mask [B, T] or undefined -> [B, T, D]
  at::Tensor forward(const at::Tensor& ids, const at::Tensor& mask) const {
    return encoder_->forward(shared_->forward(ids), mask);
  }

 private:
  std::shared_ptr<Embedding> shared_;
  std::shared_ptr<T5Stack> encoder_;
};

}  // namespace sd
