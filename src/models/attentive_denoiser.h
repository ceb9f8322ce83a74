#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "models/denoiser.h"
#include "nn/attention_processor.h"

namespace sd {

/// A denoiser whose attention layers can be looked at and have their processors replaced.
class AttentiveDenoiser : public Denoiser {
 public:
  /// Every attention layer, in the order in which the network counts them.
  std::vector<AttentionInfo> attention_layers() const;
  /// Errors: std::out_of_range for an unknown name, as for the next.
  std::shared_ptr<AttentionProcessor> attention_processor(const std::string& layer) const;
  void set_attention_processor(const std::string& layer,
                               std::shared_ptr<AttentionProcessor> processor);
  /// The same processor for every layer.
  void set_attention_processor(const std::shared_ptr<AttentionProcessor>& processor);

 protected:
  /// Counts one more layer, which belongs to this network.
  void add_attention(AttentionSlot& layer, const std::string& name);

 private:
  std::vector<AttentionSlot*> layers_;
  std::map<std::string, AttentionSlot*> layer_by_name_;
};

}  // namespace sd
