#pragma once

#include "models/unet/blocks.h"
#include "models/unet/unet.h"
#include "models/unet/unet_embeddings.h"
#include "nn/step_table.h"

namespace sd {

class UNet2DConditionModel : public torch::nn::Module, public UNet {
 public:
  /// `table_budget`: bytes for the table of time projections; longer runs make it in chunks.
  UNet2DConditionModel(const Weights& w, const UNetConfig& config,
                       int64_t table_budget = StepTable::kDefaultBudget);

  void bind(const Conditioning& conditioning, const at::Tensor& times) override;
  at::Tensor run(const at::Tensor& sample, int64_t step) override;

  const UNetConfig& config() const override { return config_; }

 private:
  void register_blocks(const Weights& w);
  void collect_layers();
  at::Tensor forward(const at::Tensor& sample, const StepInputs& step) const;
  at::Tensor make_time_shifts(int64_t first, int64_t count) const;

  UNetConfig config_;
  int64_t table_budget_;
  std::shared_ptr<Conv2d> conv_in_;
  UNetEmbeddings embeddings_;
  std::shared_ptr<ModuleList<DownBlock>> down_blocks_;
  std::shared_ptr<ModuleList<UpBlock>> up_blocks_;
  std::shared_ptr<MidBlock> mid_block_;  ///< none where the config says so
  std::shared_ptr<GroupNorm> conv_norm_out_;
  std::shared_ptr<Conv2d> conv_out_;

  std::vector<std::shared_ptr<ResnetBlock>> resnets_;  ///< of all blocks
  std::vector<std::shared_ptr<AttentionLayer>> attentions_;
  int64_t time_shift_width_ = 0;  ///< of all residual blocks together
  StepTable time_table_;
};

}  // namespace sd
