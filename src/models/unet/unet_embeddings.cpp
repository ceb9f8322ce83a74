#include "models/unet/unet_embeddings.h"

#include "core/check.h"
#include "nn/timestep_embedding.h"

namespace sd {
namespace {

int64_t feature_width(const UNetConfig& config) {
  return config.time_embedding_type == TimeEmbeddingType::kFourier ? config.time_embedding_width
                                                                   : config.down[0].channels;
}

void check_condition(const at::Tensor& condition, bool is_needed, const char* what) {
  SD_CHECK(!is_needed || condition.defined(), ErrorKind::kModel, "this UNet needs ", what,
           ", which were not given");
}

void check_width(const at::Tensor& x, int64_t width, const char* what) {
  SD_CHECK(x.size(-1) == width, ErrorKind::kModel, "the UNet's ", what, " should be ", width,
           " wide, found ", x.size(-1));
}

}  // namespace

UNetEmbeddings::UNetEmbeddings(torch::nn::Module* unet, const Weights& w, const UNetConfig& config)
    : config_(config) {
  const int64_t features = feature_width(config);
  const int64_t width = config.time_embedding_width;
  if (config.time_embedding_type == TimeEmbeddingType::kFourier) {
    time_proj_ =
        make_child<FourierFeatures>(unet, w, "time_proj", features, config.flip_sin_to_cos);
  }
  time_embedding_ = make_child<TimestepMlp>(
      unet, w, "time_embedding",
      TimestepMlpShape{features, width, config.activation, config.timestep_post_activation,
                       config.time_cond_width});
  const int64_t text_width = config.down[0].text_width;
  if (config.projected_text_width) {
    encoder_hid_proj_ =
        make_child<Linear>(unet, w, "encoder_hid_proj", *config.projected_text_width, text_width);
  }
  switch (config.class_embedding) {
    case ClassEmbedding::kNone:
    case ClassEmbedding::kIdentity: break;
    case ClassEmbedding::kTable:
      class_table_ =
          make_child<EmbeddingTable>(unet, w, "class_embedding", config.class_count, width);
      break;
    case ClassEmbedding::kTimestep:
      class_mlp_ = make_child<TimestepMlp>(unet, w, "class_embedding",
                                           TimestepMlpShape{features, width, config.activation});
      break;
    case ClassEmbedding::kProjection:
      class_mlp_ = make_child<TimestepMlp>(unet, w, "class_embedding",
                                           TimestepMlpShape{config.projection_width, width});
      break;
    case ClassEmbedding::kSimpleProjection:
      class_linear_ =
          make_child<Linear>(unet, w, "class_embedding", config.projection_width, width);
      break;
  }
  if (config.addition_embedding == AdditionEmbedding::kText) {
    add_text_ = make_child<TextTimeEmbedding>(unet, w, "add_embedding",
                                              config.projected_text_width.value_or(text_width),
                                              width, config.addition_heads);
  } else if (config.addition_embedding == AdditionEmbedding::kTextTime) {
    add_mlp_ = make_child<TimestepMlp>(unet, w, "add_embedding",
                                       TimestepMlpShape{config.projection_width, width});
  }
}

at::Tensor UNetEmbeddings::cast(const at::Tensor& x) const {
  const auto options = time_embedding_->parameters(true)[0].options();
  return x.to(options.device(), options.dtype().toScalarType());
}

void UNetEmbeddings::check_conditions(const Conditioning& c) const {
  const bool has_text_time = config_.addition_embedding == AdditionEmbedding::kTextTime;
  check_condition(c.class_labels, config_.class_embedding != ClassEmbedding::kNone, "class labels");
  check_condition(c.pooled, has_text_time, "pooled text states");
  check_condition(c.time_ids, has_text_time, "time ids (sizes and crops)");
  check_condition(c.text, config_.addition_embedding == AdditionEmbedding::kText, "text states");
  const bool takes_guidance = !c.guidance_states.defined() || config_.time_cond_width;
  SD_CHECK(takes_guidance, ErrorKind::kModel, "this UNet takes no embedded guidance scale");
  for (const at::Tensor& rows : {c.text, c.pooled, c.time_ids, c.class_labels, c.guidance_states}) {
    SD_CHECK(!rows.defined() || rows.size(0) == batch_, ErrorKind::kModel,
             "the conditions of the UNet should have ", batch_, " rows each, found ", rows.size(0));
  }
}

void UNetEmbeddings::bind(const Conditioning& c, const at::Tensor& times) {
  batch_ = times.dim() == 2 ? times.size(1) : 1;
  for (const at::Tensor& rows : {c.guidance_states, c.class_labels, c.pooled, c.text}) {
    if (rows.defined()) batch_ = rows.size(0);
  }
  check_conditions(c);
  SD_CHECK(times.dim() == 1 || times.size(1) == batch_, ErrorKind::kModel,
           "the times of the UNet should have ", batch_, " columns, found ", times.size(-1));
  times_ = times.to(cast(times).device(), at::kFloat);

  guidance_.clear();
  class_.clear();
  addition_.clear();
  for (int64_t row = 0; row < batch_; ++row) {
    if (c.guidance_states.defined()) {
      check_width(c.guidance_states, *config_.time_cond_width, "embedded guidance scale");
      const at::Tensor guidance = cast(c.guidance_states.narrow(0, row, 1));
      guidance_.push_back(time_embedding_->project_condition(guidance));
    }
    if (config_.class_embedding != ClassEmbedding::kNone) {
      class_.push_back(embed_class(c.class_labels.narrow(0, row, 1)));
    }
    if (config_.addition_embedding != AdditionEmbedding::kNone) {
      addition_.push_back(embed_addition(c, row));
    }
  }
  const bool is_shared =
      times_.dim() == 1 && guidance_.empty() && class_.empty() && addition_.empty();
  rows_ = is_shared ? 1 : batch_;
}

at::Tensor UNetEmbeddings::time_features(const at::Tensor& times) const {
  if (time_proj_) return cast(time_proj_->forward(times.to(time_proj_->weight.device())));
  return cast(timestep_embedding(times, {.width = feature_width(config_),
                                         .flip_sin_to_cos = config_.flip_sin_to_cos,
                                         .frequency_shift = config_.frequency_shift}));
}

at::Tensor UNetEmbeddings::embed_class(const at::Tensor& labels) const {
  switch (config_.class_embedding) {
    case ClassEmbedding::kNone: break;
    case ClassEmbedding::kTable: return class_table_->forward(labels);
    case ClassEmbedding::kTimestep:
      return class_mlp_->forward(time_features(labels.to(at::kFloat)));
    case ClassEmbedding::kIdentity:
      check_width(labels, config_.time_embedding_width, "class labels");
      return cast(labels);
    case ClassEmbedding::kProjection:
      check_width(labels, config_.projection_width, "class labels");
      return class_mlp_->forward(cast(labels));
    case ClassEmbedding::kSimpleProjection:
      check_width(labels, config_.projection_width, "class labels");
      return class_linear_->forward(cast(labels));
  }
  TORCH_INTERNAL_ASSERT(false);
}

at::Tensor UNetEmbeddings::embed_addition(const Conditioning& c, int64_t row) const {
  if (add_text_) return add_text_->forward(cast(c.text.narrow(0, row, 1)));
  const at::Tensor ids =
      timestep_embedding(c.time_ids[row], {.width = config_.addition_time_width,
                                           .flip_sin_to_cos = config_.flip_sin_to_cos,
                                           .frequency_shift = config_.frequency_shift});
  const at::Tensor pooled = c.pooled.narrow(0, row, 1).to(ids.device(), at::kFloat);
  const at::Tensor both = at::cat({pooled, ids.flatten().unsqueeze(0)}, 1);
  check_width(both, config_.projection_width, "pooled text and time ids together");
  return add_mlp_->forward(cast(both));
}

std::vector<at::Tensor> UNetEmbeddings::embed(int64_t first, int64_t count) const {
  const at::Tensor times = times_.narrow(0, first, count);
  std::vector<at::Tensor> embeddings;
  for (int64_t row = 0; row < rows_; ++row) {
    at::Tensor features = time_features(times.dim() == 2 ? times.select(1, row) : times);
    if (!guidance_.empty()) features = features + guidance_[row];
    at::Tensor emb = time_embedding_->forward(features);  // [count, width]
    if (config_.concat_class_embedding) {
      emb = at::cat({emb, class_[row].expand({count, -1})}, 1);
    } else if (!class_.empty()) {
      emb = emb + class_[row];
    }
    if (!addition_.empty()) emb = emb + addition_[row];
    if (config_.time_embedding_activation) emb = activate(*config_.time_embedding_activation, emb);
    embeddings.push_back(emb);
  }
  return embeddings;
}

at::Tensor UNetEmbeddings::project_text(const at::Tensor& text) const {
  check_width(text, config_.projected_text_width.value_or(config_.down[0].text_width),
              "text states");
  return encoder_hid_proj_ ? encoder_hid_proj_->forward(cast(text)) : cast(text);
}

}  // namespace sd
