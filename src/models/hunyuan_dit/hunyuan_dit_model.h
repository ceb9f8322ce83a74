#pragma once

#include "models/hunyuan_dit/hunyuan_dit_block.h"
#include "models/hunyuan_dit/hunyuan_dit_transformer.h"
#include "models/hunyuan_dit/time_extra_embedding.h"
#include "nn/modulation.h"
#include "nn/patches.h"
#include "nn/step_table.h"

namespace sd {

/// Latents as tokens, whose places only the attentions know. Child: proj.
class PatchProjection : public torch::nn::Module {
 public:
  PatchProjection(const Weights& w, const HunyuanDitConfig& config)
      : proj_(make_child<Conv2d>(
            this, w, "proj",
            patch_convolution(config.in_channels, config.width(), config.patch_size))) {}

  /// latents [B, C, h, w] -> [B, h/p · w/p, D]
  at::Tensor forward(const at::Tensor& latents) const {
    return proj_->forward(latents).permute({0, 2, 3, 1}).flatten(1, 2);
  }

 private:
  std::shared_ptr<Conv2d> proj_;
};

class HunyuanDit2DModel : public torch::nn::Module, public HunyuanDitTransformer {
 public:
  /// `table_budget`: bytes for the table of modulations; longer runs make it in chunks.
  HunyuanDit2DModel(const Weights& w, const HunyuanDitConfig& config,
                    int64_t table_budget = StepTable::kDefaultBudget);

  void bind(const Conditioning& conditioning, const at::Tensor& times) override;
  at::Tensor run(const at::Tensor& sample, int64_t step) override;

  const HunyuanDitConfig& config() const override { return config_; }

  /// Both texts side by side, each state that its mask hides replaced by what was learned for its
  /// place -> [N, T, text_width]
  at::Tensor embed_text(const Conditioning& conditioning) const;

  HunyuanDitBlock& block(size_t i) const { return (*blocks_)[i]; }
  const TimeExtraEmbedding& time_extra_emb() const { return *time_extra_emb_; }

 private:
  void check(const Conditioning& conditioning) const;
  at::Tensor make_modulations(int64_t first, int64_t count) const;
  void collect_attentions();
  at::ScalarType dtype() const { return text_embedding_padding_.scalar_type(); }

  HunyuanDitConfig config_;
  int64_t table_budget_;
  std::shared_ptr<TimestepMlp> text_embedder_;
  at::Tensor text_embedding_padding_;
  std::shared_ptr<PatchProjection> pos_embed_;
  std::shared_ptr<TimeExtraEmbedding> time_extra_emb_;
  std::shared_ptr<ModuleList<HunyuanDitBlock>> blocks_;
  std::shared_ptr<Modulation> norm_out_;
  std::shared_ptr<Linear> proj_out_;

  at::Tensor times_;     ///< [S, 1] or [S, N]
  at::Tensor extra_;     ///< [N, D]
  at::Tensor rotation_;  ///< [L, 1, d / 2] complex64
  StepTable modulations_;
};

}  // namespace sd
