#pragma once

#include <vector>

#include "models/denoiser.h"
#include "models/unet/embeddings.h"
#include "models/unet/unet_config.h"

namespace sd {

/// Everything that a UNet makes of times and conditions before its first convolution. Its modules
/// are children of the UNet itself: time_proj, time_embedding, encoder_hid_proj, class_embedding,
/// add_embedding.
///
/// Each row of the batch goes through matrix products of its own, so that its embeddings are the
/// same numbers whatever else is in the batch.
class UNetEmbeddings {
 public:
  UNetEmbeddings(torch::nn::Module* unet, const Weights& w, const UNetConfig& config);

  /// Takes over times [S] or [S, N] and what does not change from step to step. Errors: kModel for
  /// conditions that this network lacks or that do not fit it.
  void bind(const Conditioning& conditioning, const at::Tensor& times);

  /// Rows of the batch that the conditions speak of.
  int64_t batch() const { return batch_; }
  int64_t steps() const { return times_.size(0); }
  /// Rows whose embeddings differ: the batch, or 1 where all are the same.
  int64_t rows() const { return rows_; }

  /// Time embeddings of the steps [first, first + count): one [count, block time width] for each
  /// of rows().
  std::vector<at::Tensor> embed(int64_t first, int64_t count) const;

  /// The text as cross-attention sees it, in the network's dtype and on its device.
  /// [N, T, D] -> [N, T, text width]
  at::Tensor project_text(const at::Tensor& text) const;

 private:
  at::Tensor time_features(const at::Tensor& times) const;
  at::Tensor embed_class(const at::Tensor& labels) const;
  at::Tensor embed_addition(const Conditioning& conditioning, int64_t row) const;
  at::Tensor cast(const at::Tensor& x) const;
  void check_conditions(const Conditioning& conditioning) const;

  const UNetConfig& config_;
  std::shared_ptr<FourierFeatures> time_proj_;
  std::shared_ptr<TimestepMlp> time_embedding_;
  std::shared_ptr<Linear> encoder_hid_proj_;
  std::shared_ptr<EmbeddingTable> class_table_;
  std::shared_ptr<TimestepMlp> class_mlp_;
  std::shared_ptr<Linear> class_linear_;
  std::shared_ptr<TextTimeEmbedding> add_text_;
  std::shared_ptr<TimestepMlp> add_mlp_;

  int64_t batch_ = 1;
  int64_t rows_ = 1;
  at::Tensor times_;                  ///< [S] or [S, N] float32
  std::vector<at::Tensor> guidance_;  ///< for each row [1, features], or none
  std::vector<at::Tensor> class_;     ///< for each row [1, time width], or none
  std::vector<at::Tensor> addition_;  ///< for each row [1, time width], or none
};

}  // namespace sd
