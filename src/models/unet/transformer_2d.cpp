#include "models/unet/transformer_2d.h"

namespace sd {

Transformer2D::Transformer2D(const Weights& w, const UNetConfig& config,
                             const TransformerShape& shape) {
  constexpr double kEps = 1e-6;  // unlike the norms of the residual blocks
  const ProjectionWeight kind =
      config.use_linear_projection ? ProjectionWeight::kLinear : ProjectionWeight::kConv;
  norm_ = make_child<GroupNorm>(this, w, "norm", config.norm_groups, shape.width, kEps);
  proj_in_ = make_child<TokenProjection>(this, w, "proj_in", shape.width, shape.width, kind);
  transformer_blocks_ =
      register_module("transformer_blocks", std::make_shared<ModuleList<TransformerBlock>>());
  for (int64_t i = 0; i < shape.depth; ++i) {
    transformer_blocks_->append(
        std::make_shared<TransformerBlock>(w["transformer_blocks"][i], shape));
  }
  proj_out_ = make_child<TokenProjection>(this, w, "proj_out", shape.width, shape.width, kind);
}

at::Tensor Transformer2D::forward(const at::Tensor& x, int64_t step) const {
  at::Tensor tokens = proj_in_->forward(to_tokens(norm_->forward(x)));
  for (const auto& block : *transformer_blocks_) tokens = block->forward(tokens, step);
  return to_image(proj_out_->forward(tokens).add_(to_tokens(x)), x);
}

}  // namespace sd
