#include "models/sd3/patch_embedding.h"

#include <ATen/ops/outer.h>

#include "core/check.h"

namespace sd {
namespace {

/// Places [M] -> [M, width]: sines, then cosines, of frequencies 10000^(-2i / width)
at::Tensor sine_positions(const at::Tensor& places, int64_t width) {
  const int64_t half = width / 2;
  const at::Tensor exponents = at::arange(half, at::kDouble) / static_cast<double>(half);
  const at::Tensor angles =
      at::outer(places.to(at::kDouble), 1.0 / at::pow(at::Scalar(10000.0), exponents));
  return at::cat({at::sin(angles), at::cos(angles)}, 1);
}

/// The table that diffusers makes: `side` x `side` places, spread over the `base` of the training
/// size; the first half of the width tells the column, the second the row. -> [1, side², width]
at::Tensor make_positions(int64_t width, int64_t side, int64_t base) {
  const double spread = static_cast<double>(side) / static_cast<double>(base);
  const at::Tensor places = at::arange(side, at::kFloat) / spread;
  const at::Tensor line = sine_positions(places, width / 2);
  const at::Tensor columns = line.unsqueeze(0).expand({side, -1, -1});
  const at::Tensor rows = line.unsqueeze(1).expand({-1, side, -1});
  return at::cat({columns, rows}, 2).flatten(0, 1).unsqueeze(0).to(at::kFloat);
}

}  // namespace

PatchEmbedding::PatchEmbedding(const Weights& w, const Sd3Config& config)
    : max_patches_(config.max_patches),
      proj_(make_child<Conv2d>(
          this, w, "proj",
          patch_convolution(config.in_channels, config.width(), config.patch_size))) {
  const int64_t side = max_patches_;
  const at::Tensor table =
      w.has("pos_embed")
          ? w.get("pos_embed", {1, side * side, config.width()})
          : make_positions(config.width(), side, config.sample_size / config.patch_size)
                .to(w.placement().device, w.placement().dtype);
  pos_embed_ = register_parameter("pos_embed", table, false);
}

at::Tensor PatchEmbedding::positions(int64_t h, int64_t w) const {
  SD_CHECK(h <= max_patches_ && w <= max_patches_, ErrorKind::kUsage, "a picture of ", w, "x", h,
           " patches is larger than the table of positions, ", max_patches_, "x", max_patches_);
  const at::Tensor table = pos_embed_.unflatten(1, {max_patches_, max_patches_});
  return table.narrow(1, (max_patches_ - h) / 2, h).narrow(2, (max_patches_ - w) / 2, w);
}

at::Tensor PatchEmbedding::forward(const at::Tensor& latents) const {
  const at::Tensor patches = proj_->forward(latents).permute({0, 2, 3, 1});
  return (patches + positions(patches.size(1), patches.size(2))).flatten(1, 2);
}

}  // namespace sd
