#include "nn/attention_processor.h"

#include "nn/attention.h"

namespace sd {
namespace {

class DefaultAttentionProcessor : public AttentionProcessor {
 public:
  at::Tensor attend(const AttentionCall& call) override {
    return attention(call.q, call.k, call.v);
  }
};

}  // namespace

std::shared_ptr<AttentionProcessor> default_attention_processor() {
  static const auto kProcessor = std::make_shared<DefaultAttentionProcessor>();
  return kProcessor;
}

}  // namespace sd
