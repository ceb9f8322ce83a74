#pragma once

#include "text/bert_blocks.h"

namespace sd {

/// The layers under the name that transformers gives them, `encoder.layer.N`.
class BertLayers : public torch::nn::Module {
 public:
  BertLayers(const Weights& w, const BertConfig& config);

  const BertLayer& operator[](int64_t i) const { return (*layer_)[i]; }

  /// x [B, T, D], mask as for a layer -> [B, T, D]
  at::Tensor forward(at::Tensor x, const std::optional<at::Tensor>& mask) const {
    for (const auto& layer : *layer_) x = layer->forward(x, mask);
    return x;
  }

 private:
  std::shared_ptr<ModuleList<BertLayer>> layer_;
};

/// The modules of a BertModel without its pooler, under the names that they have in transformers.
class BertEncoder::Network : public torch::nn::Module {
 public:
  Network(const Weights& w, const BertConfig& config)
      : embeddings_(make_child<BertEmbeddings>(this, w, "embeddings", config)),
        encoder_(make_child<BertLayers>(this, w, "encoder", config)) {}

  /// ids [B, T] on the weights' device, mask [B, T] on any or undefined -> [B, T, D]
  at::Tensor forward(const at::Tensor& ids, const at::Tensor& mask) const;

  const BertEmbeddings& embeddings() const { return *embeddings_; }
  const BertLayers& layers() const { return *encoder_; }

 private:
  std::shared_ptr<BertEmbeddings> embeddings_;
  std::shared_ptr<BertLayers> encoder_;
};

}  // namespace sd
