#include "models/attentive_denoiser.h"

#include <utility>

namespace sd {

std::vector<AttentionInfo> AttentiveDenoiser::attention_layers() const {
  std::vector<AttentionInfo> infos;
  for (const AttentionSlot* layer : layers_) infos.push_back(layer->info());
  return infos;
}

std::shared_ptr<AttentionProcessor> AttentiveDenoiser::attention_processor(
    const std::string& layer) const {
  return layer_by_name_.at(layer)->processor();
}

void AttentiveDenoiser::set_attention_processor(const std::string& layer,
                                                std::shared_ptr<AttentionProcessor> processor) {
  layer_by_name_.at(layer)->set_processor(std::move(processor));
}

void AttentiveDenoiser::set_attention_processor(
    const std::shared_ptr<AttentionProcessor>& processor) {
  for (AttentionSlot* layer : layers_) layer->set_processor(processor);
}

void AttentiveDenoiser::add_attention(AttentionSlot& layer, const std::string& name) {
  layer.set_name(name);
  layers_.push_back(&layer);
  layer_by_name_[name] = &layer;
}

}  // namespace sd
