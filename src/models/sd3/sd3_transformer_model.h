#pragma once

#include "models/sd3/joint_transformer_block.h"
#include "models/sd3/patch_embedding.h"
#include "models/sd3/sd3_transformer.h"
#include "nn/step_table.h"
#include "nn/timestep_mlp.h"

namespace sd {

/// Time and pooled text together (diffusers `CombinedTimestepTextProjEmbeddings`).
class TimeTextEmbedding : public torch::nn::Module {
 public:
  TimeTextEmbedding(const Weights& w, int64_t width, int64_t pooled_width)
      : timestep_embedder_(make_child<TimestepMlp>(this, w, "timestep_embedder",
                                                   TimestepMlpShape{kSinusoidWidth, width})),
        text_embedder_(make_child<TimestepMlp>(this, w, "text_embedder",
                                               TimestepMlpShape{pooled_width, width})) {}

  /// times [M] float32 -> [M, D] in the network's type
  at::Tensor embed_times(const at::Tensor& times, at::ScalarType dtype) const;
  /// pooled [N, P] -> [N, D]
  at::Tensor embed_text(const at::Tensor& pooled) const { return text_embedder_->forward(pooled); }

 private:
  static constexpr int64_t kSinusoidWidth = 256;

  std::shared_ptr<TimestepMlp> timestep_embedder_;
  std::shared_ptr<TimestepMlp> text_embedder_;
};

class Sd3Transformer2DModel : public torch::nn::Module, public Sd3Transformer {
 public:
  /// `table_budget`: bytes for the table of modulations; longer runs make it in chunks.
  Sd3Transformer2DModel(const Weights& w, const Sd3Config& config,
                        int64_t table_budget = StepTable::kDefaultBudget);

  void bind(const Conditioning& conditioning, const at::Tensor& times) override;
  at::Tensor run(const at::Tensor& sample, int64_t step) override;
  at::Tensor run_without(const at::Tensor& sample, int64_t step,
                         const std::vector<int>& skipped) override;

  const Sd3Config& config() const override { return config_; }

  const JointTransformerBlock& block(size_t i) const { return (*transformer_blocks_)[i]; }
  const PatchEmbedding& pos_embed() const { return *pos_embed_; }

 private:
  /// What a call works with besides its sample: rows of what was bound.
  struct Bound {
    at::Tensor text;         ///< [B, T, D]
    at::Tensor modulations;  ///< [B, W], all blocks' side by side, those of norm_out last
    int64_t step;
  };

  at::Tensor forward(const at::Tensor& sample, const Bound& bound,
                     const std::vector<int>& skipped) const;
  at::Tensor make_modulations(int64_t first, int64_t count) const;
  void collect_attentions();

  Sd3Config config_;
  int64_t table_budget_;
  std::shared_ptr<PatchEmbedding> pos_embed_;
  std::shared_ptr<TimeTextEmbedding> time_text_embed_;
  std::shared_ptr<Linear> context_embedder_;
  std::shared_ptr<ModuleList<JointTransformerBlock>> transformer_blocks_;
  std::shared_ptr<Modulation> norm_out_;
  std::shared_ptr<Linear> proj_out_;

  int64_t modulation_width_ = 0;

  at::Tensor times_;   ///< [S, 1] or [S, N]
  at::Tensor pooled_;  ///< embedded [N, D]
  at::Tensor text_;    ///< embedded [N, T, D]
  StepTable modulations_;
};

}  // namespace sd
