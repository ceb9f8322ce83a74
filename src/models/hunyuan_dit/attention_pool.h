#pragma once

#include "nn/linear.h"
#include "nn/make_child.h"

namespace sd {

struct AttentionPoolShape {
  int64_t length = 0;  ///< tokens
  int64_t width = 0;
  int64_t out_width = 0;
  int64_t heads = 1;
};

/// All states of a text as one vector: their mean looks at itself and at them, padding included
/// (diffusers `HunyuanDiTAttentionPool`, after the pooling of CLIP's ResNets, Radford et al. 2021,
/// arXiv:2103.00020, section 2.4).
class AttentionPool : public torch::nn::Module {
 public:
  AttentionPool(const Weights& w, const AttentionPoolShape& shape);

  /// states [N, length, width] -> [N, out_width]
  at::Tensor forward(const at::Tensor& states) const;

 private:
  int64_t heads_;
  at::Tensor positional_embedding_;  ///< [1 + length, width], the mean's first
  std::shared_ptr<Linear> q_proj_;
  std::shared_ptr<Linear> k_proj_;
  std::shared_ptr<Linear> v_proj_;
  std::shared_ptr<Linear> c_proj_;
};

}  // namespace sd
