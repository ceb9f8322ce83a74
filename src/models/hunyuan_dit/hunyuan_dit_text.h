#pragma once

#include <ATen/core/Tensor.h>
#include <string>
#include <vector>

#include "sd/pipeline.h"

#include "core/placement.h"
#include "models/denoiser.h"
#include "models/hunyuan_dit/hunyuan_dit_config.h"
#include "models/prompt_book.h"
#include "models/text_parts.h"

namespace sd {

/// The text side of HunyuanDiT: the BERT of a bilingual CLIP, and mT5, on the same prompt (Li et
/// al. 2024, arXiv:2405.08748, section 2.1; diffusers `HunyuanDiTPipeline.encode_prompt`).
class HunyuanDitText {
 public:
  /// Errors: kModel where an encoder does not fit the transformer.
  HunyuanDitText(BertPart bert, T5Part t5, const HunyuanDitConfig& config,
                 const LoadOptions& options, const Placement& placement);

  const Placement& t5_placement() const { return t5_.placement; }

  /// `text`, `text_mask`, `t5` and `t5_mask` of [negatives…, positives…] with guidance, else of the
  /// positives. Prompts that are cut, and words that BERT does not know, are reported.
  Conditioning encode(const std::vector<Request>& batch, Guidance guidance, Observer& observer);
  /// Encodes what prompts of these requests are not known yet.
  void encode_ahead(const std::vector<Request>& batch, double default_scale, Observer& observer);

  void load();
  void release();
  /// From now on each encoder is loaded for its prompts and released after them.
  void release_after_use() { releases_ = true; }
  std::vector<const ComponentPaths*> paths() const { return {&bert_.paths, &t5_.paths}; }
  /// Bytes of the weights of both encoders, in the types they compute in.
  double weight_bytes() const;

 private:
  /// Both encoders get the same text.
  struct Prompt {
    std::string text;

    const std::string& key() const { return text; }
    int group() const { return 0; }
  };

  /// States [n, T, D] and masks [n, T] of one encoder.
  struct Encoded {
    at::Tensor states;
    at::Tensor mask;
  };

  static std::vector<Prompt> prompts_of(const std::vector<Request>& batch, Guidance guidance);
  std::vector<std::vector<at::Tensor>> encode_together(const std::vector<Prompt>& prompts,
                                                       Observer& observer);
  Encoded encode_bert(const std::vector<Prompt>& prompts, Observer& observer);
  Encoded encode_t5(const std::vector<Prompt>& prompts, Observer& observer);

  Placement placement_;
  bool releases_;
  int64_t bert_length_;
  int64_t t5_length_;
  BertPart bert_;
  T5Part t5_;
  PromptBook<Prompt> book_{4};
};

}  // namespace sd
