#include "vae/encoder_decoder.h"

namespace sd {
namespace {

constexpr double kNormEps = 1e-6;

VaeLevelShape mid_shape(const VaeStackShape& shape) {
  const int64_t channels = shape.level_channels.back();
  return {channels, channels, /*layers=*/2, shape.groups, shape.activation};
}

}  // namespace

VaeEncoder::VaeEncoder(const Weights& w, const VaeStackShape& shape) {
  const std::vector<int64_t>& widths = shape.level_channels;
  conv_in_ = make_child<Conv2d>(this, w, "conv_in", ConvShape{shape.in_channels, widths.front()});

  down_blocks_ = register_module("down_blocks", std::make_shared<ModuleList<DownEncoderBlock>>());
  for (size_t i = 0; i < widths.size(); ++i) {
    const VaeLevelShape level{widths[i == 0 ? 0 : i - 1], widths[i], shape.layers, shape.groups,
                              shape.activation};
    const bool last = i + 1 == widths.size();
    down_blocks_->append(std::make_shared<DownEncoderBlock>(w["down_blocks"][i], level,
                                                            last ? Resample::kNo : Resample::kYes));
  }

  mid_block_ = make_child<VaeMidBlock>(this, w, "mid_block", mid_shape(shape), shape.mid_attention);
  conv_norm_out_ =
      make_child<GroupNorm>(this, w, "conv_norm_out", shape.groups, widths.back(), kNormEps);
  conv_out_ = make_child<Conv2d>(this, w, "conv_out", ConvShape{widths.back(), shape.out_channels});
}

at::Tensor VaeEncoder::forward(at::Tensor x) const {
  x = conv_in_->forward(x);
  for (const auto& block : *down_blocks_) x = block->forward(x);
  x = mid_block_->forward(x);
  return conv_out_->forward(at::silu(conv_norm_out_->forward(x)));
}

VaeDecoder::VaeDecoder(const Weights& w, const VaeStackShape& shape) {
  const std::vector<int64_t> widths(shape.level_channels.rbegin(), shape.level_channels.rend());
  conv_in_ = make_child<Conv2d>(this, w, "conv_in", ConvShape{shape.in_channels, widths.front()});
  mid_block_ = make_child<VaeMidBlock>(this, w, "mid_block", mid_shape(shape), shape.mid_attention);

  up_blocks_ = register_module("up_blocks", std::make_shared<ModuleList<UpDecoderBlock>>());
  for (size_t i = 0; i < widths.size(); ++i) {
    const VaeLevelShape level{widths[i == 0 ? 0 : i - 1], widths[i], shape.layers, shape.groups,
                              shape.activation};
    const bool last = i + 1 == widths.size();
    up_blocks_->append(std::make_shared<UpDecoderBlock>(w["up_blocks"][i], level,
                                                        last ? Resample::kNo : Resample::kYes));
  }

  conv_norm_out_ =
      make_child<GroupNorm>(this, w, "conv_norm_out", shape.groups, widths.back(), kNormEps);
  conv_out_ = make_child<Conv2d>(this, w, "conv_out", ConvShape{widths.back(), shape.out_channels});
}

at::Tensor VaeDecoder::forward(at::Tensor z) const {
  z = conv_in_->forward(z);
  z = mid_block_->forward(z);
  for (const auto& block : *up_blocks_) z = block->forward(z);
  return conv_out_->forward(at::silu(conv_norm_out_->forward(z)));
}

}  // namespace sd
