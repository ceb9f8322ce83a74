#pragma once

#include <ATen/core/Tensor.h>
#include <optional>
#include <string>
#include <vector>

#include "sd/pipeline.h"

#include "core/placement.h"
#include "models/denoiser.h"
#include "models/prompt_book.h"
#include "models/text_parts.h"

namespace sd {

/// The text side of SD3: two CLIP encoders and, where it is there, T5 (Esser et al. 2024,
/// arXiv:2403.03206, section 4; diffusers `StableDiffusion3Pipeline.encode_prompt`).
class Sd3Text {
 public:
  static constexpr int kDefaultLength = 256;  ///< tokens of T5
  static constexpr int kMostLength = 512;

  /// Reads configs and tokenizers. `text_width` is that of the transformer's text states.
  /// Errors: kModel, also where a T5 is of another width.
  Sd3Text(const ModelFolder& folder, const LoadOptions& options, const Placement& placement,
          int64_t text_width, Observer& observer);
  Sd3Text(const Sd3Text&) = delete;
  Sd3Text& operator=(const Sd3Text&) = delete;

  bool has_t5() const { return t5_.has_value(); }
  /// "none", or the type that T5 computes in.
  std::string t5_name() const;
  /// Width of the pooled text.
  int64_t pooled_width() const;
  /// The component that decides how wide the pooled text is, for messages.
  const std::filesystem::path& config_of_clip() const { return clips_[0].paths.config; }

  /// Errors: kUsage for a request that these encoders cannot take.
  void check(const Request& request) const;

  /// Text states [N, 77 + T, D] and pooled text [N, P] of [negatives…, positives…] with guidance,
  /// else of the positives. Prompts that are cut are reported to the observer.
  Conditioning encode(const std::vector<Request>& batch, Guidance guidance, Observer& observer);
  /// Encodes what prompts of these requests are not known yet.
  void encode_ahead(const std::vector<Request>& batch, double default_scale, Observer& observer);

  void load();
  void release();
  /// From now on each encoder is loaded for its prompts and released after them.
  void release_after_use() { releases_ = true; }
  /// The weight files of all encoders, T5's last.
  std::vector<const ComponentPaths*> paths() const;
  /// Bytes of the weights of all encoders, in the types they compute in.
  double weight_bytes() const;

 private:
  /// What the encoders are asked for.
  struct Prompt {
    std::string texts[3];  ///< of CLIP L, of CLIP G, of T5
    int clip_skip = 0;
    int length = 0;  ///< tokens of T5

    std::string key() const;
    std::pair<int, int> group() const { return {clip_skip, length}; }
  };

  static Prompt positive(const Request& request);
  static Prompt negative(const Request& request);
  static std::vector<Prompt> prompts_of(const std::vector<Request>& batch, Guidance guidance);

  std::vector<std::vector<at::Tensor>> encode_together(const std::vector<Prompt>& prompts,
                                                       Observer& observer);
  /// The states [n, 77, D] and the pooled text [n, P] of one CLIP encoder.
  ClipTextOutput encode_clip(size_t which, const std::vector<Prompt>& prompts, Observer& observer);
  /// [n, T, D]; zeros without T5
  at::Tensor encode_t5(const std::vector<Prompt>& prompts, Observer& observer);

  Placement placement_;
  bool releases_;
  int64_t text_width_;
  std::vector<ClipPart> clips_;
  std::optional<T5Part> t5_;
  PromptBook<Prompt> book_{2};
};

}  // namespace sd
