#include "models/unet/unet.h"

#include <algorithm>
#include <tuple>

#include "core/check.h"
#include "models/unet/unet_model.h"

namespace sd {
namespace {

ConvShape same_size_conv(int64_t in_channels, int64_t out_channels, int64_t kernel) {
  return {.in_channels = in_channels,
          .out_channels = out_channels,
          .kernel = kernel,
          .padding = (kernel - 1) / 2};
}

}  // namespace

UNet2DConditionModel::UNet2DConditionModel(const Weights& w, const UNetConfig& config,
                                           int64_t table_budget)
    : config_(config),
      table_budget_(table_budget),
      conv_in_(make_child<Conv2d>(
          this, w, "conv_in",
          same_size_conv(config.in_channels, config.down[0].channels, config.conv_in_kernel))),
      embeddings_(this, w, config_) {
  register_blocks(w);
  const int64_t channels = config.down[0].channels;
  conv_norm_out_ = make_child<GroupNorm>(this, w, "conv_norm_out", config.norm_groups, channels,
                                         config.norm_eps);
  conv_out_ = make_child<Conv2d>(
      this, w, "conv_out", same_size_conv(channels, config.out_channels, config.conv_out_kernel));
  collect_layers();
}

void UNet2DConditionModel::register_blocks(const Weights& w) {
  const auto& [down, up] = std::tie(config_.down, config_.up);
  const size_t count = down.size();
  auto resampling = [&](size_t i) { return i + 1 < count ? Resampling::kYes : Resampling::kNone; };

  down_blocks_ = register_module("down_blocks", std::make_shared<ModuleList<DownBlock>>());
  for (size_t i = 0; i < count; ++i) {
    const int64_t in_channels = down[i == 0 ? 0 : i - 1].channels;
    down_blocks_->append(std::make_shared<DownBlock>(w["down_blocks"][i], config_, down[i],
                                                     in_channels, resampling(i)));
  }
  up_blocks_ = register_module("up_blocks", std::make_shared<ModuleList<UpBlock>>());
  for (size_t i = 0; i < count; ++i) {
    const UpChannels channels{.below = up[i == 0 ? 0 : i - 1].channels,
                              .skip = up[std::min(i + 1, count - 1)].channels};
    up_blocks_->append(
        std::make_shared<UpBlock>(w["up_blocks"][i], config_, up[i], channels, resampling(i)));
  }
  if (config_.mid_type != UNetMidType::kNone) {
    mid_block_ = make_child<MidBlock>(this, w, "mid_block", config_);
  }
}

void UNet2DConditionModel::collect_layers() {
  for (const auto& item : named_modules("", /*include_self=*/false)) {
    if (auto resnet = std::dynamic_pointer_cast<ResnetBlock>(item.value())) {
      resnet->set_time_offset(time_shift_width_);
      time_shift_width_ += resnet->time_shift_width();
      resnets_.push_back(resnet);
    } else if (auto attention = std::dynamic_pointer_cast<AttentionLayer>(item.value())) {
      attentions_.push_back(attention);
      add_attention(*attention, item.key());
    }
  }
}

void UNet2DConditionModel::bind(const Conditioning& conditioning, const at::Tensor& times) {
  embeddings_.bind(conditioning, times);

  const at::Tensor text =
      conditioning.text.defined() ? embeddings_.project_text(conditioning.text) : at::Tensor();
  for (const auto& attention : attentions_) {
    if (attention->info().kind != AttentionKind::kCross) continue;
    SD_CHECK(text.defined(), ErrorKind::kModel,
             "this UNet needs text states, which were not given");
    attention->bind(text);
  }

  const int64_t step_bytes =
      embeddings_.rows() * time_shift_width_ * conv_in_->weight.element_size();
  time_table_ =
      StepTable(embeddings_.steps(), step_bytes, table_budget_,
                [this](int64_t first, int64_t count) { return make_time_shifts(first, count); });
}

/// Time projections of all residual blocks for the steps [first, first + count)
/// -> [count, R, time_shift_width_]
at::Tensor UNet2DConditionModel::make_time_shifts(int64_t first, int64_t count) const {
  at::Tensor shifts =
      at::empty({count, embeddings_.rows(), time_shift_width_}, conv_in_->weight.options());
  int64_t row = 0;
  for (const at::Tensor& embedding : embeddings_.embed(first, count)) {
    const at::Tensor activated = activate(config_.activation, embedding);
    int64_t offset = 0;
    for (const auto& resnet : resnets_) {
      const int64_t width = resnet->time_shift_width();
      shifts.select(1, row).narrow(1, offset, width).copy_(resnet->project_time(activated));
      offset += width;
    }
    ++row;
  }
  return shifts;
}

at::Tensor UNet2DConditionModel::run(const at::Tensor& sample, int64_t step) {
  TORCH_INTERNAL_ASSERT(sample.size(0) == embeddings_.batch(), "sample of ", sample.size(0),
                        " rows in a run that was bound to ", embeddings_.batch());
  return forward(sample, {.step = step, .time_shifts = time_table_.row(step)});
}

at::Tensor UNet2DConditionModel::forward(const at::Tensor& sample, const StepInputs& step) const {
  at::Tensor x = sample.contiguous(at::MemoryFormat::ChannelsLast);
  if (config_.center_input_sample) x = 2 * x - 1;
  x = conv_in_->forward(x);
  Skips skips = {x};
  for (const auto& block : *down_blocks_) x = block->forward(x, step, skips);
  if (mid_block_) x = mid_block_->forward(x, step);
  for (const auto& block : *up_blocks_) x = block->forward(x, step, skips);
  x = conv_out_->forward(activate(config_.activation, conv_norm_out_->forward(x)));
  return x.contiguous();  // [B, C_out, h, w], in the plain layout of the scheduler's tensors
}

std::unique_ptr<UNet> load_unet(const std::filesystem::path& config, WeightStore& weights,
                                const Placement& placement) {
  return load_unet(read_unet_config(config), weights, placement);
}

std::unique_ptr<UNet> load_unet(const UNetConfig& config, WeightStore& weights,
                                const Placement& placement) {
  auto unet = std::make_unique<UNet2DConditionModel>(Weights(weights, placement), config);
  weights.finish();
  return unet;
}

}  // namespace sd
