#include "models/request_checks.h"

#include <array>
#include <cmath>
#include <string>

#include "core/check.h"

namespace sd {
namespace {

constexpr const char* kNoT5 = "this model has no T5 text encoder";

/// A prompt that has a text encoder of its own.
struct FurtherPrompt {
  const char* flag;
  std::string Request::*text;
  int number;  ///< of the encoder, from 1
};

constexpr std::array<FurtherPrompt, 4> kFurtherPrompts = {{
    {"--prompt-2", &Request::prompt_2, 2},
    {"--negative-prompt-2", &Request::negative_prompt_2, 2},
    {"--prompt-3", &Request::prompt_3, 3},
    {"--negative-prompt-3", &Request::negative_prompt_3, 3},
}};

void check_prompts(const Request& request, const ModelFeatures& features) {
  for (const FurtherPrompt& prompt : kFurtherPrompts) {
    if ((request.*prompt.text).empty()) continue;
    SD_CHECK(prompt.number <= features.prompts, ErrorKind::kUsage, prompt.flag, ": this model has ",
             features.prompts == 1 ? "one text encoder" : "two text encoders with prompts");
    const bool is_of_t5 = prompt.number == 3;
    SD_CHECK(!is_of_t5 || !features.lacks_t5, ErrorKind::kUsage, prompt.flag,
             ": it belongs to the T5 text encoder, which is left out");
  }
}

void check_sequence_length(const Request& request, const ModelFeatures& features) {
  if (!request.max_sequence_length) return;
  constexpr const char* kFlag = "--max-sequence-length";
  SD_CHECK(features.t5 != T5Support::kNone, ErrorKind::kUsage, kFlag, ": ", kNoT5);
  // Without T5, too: its place is filled with as many zeros, which the network attends to.
  SD_CHECK(features.most_tokens > 0, ErrorKind::kUsage, kFlag,
           ": the T5 text encoder of this model takes one number of tokens");
  const int tokens = *request.max_sequence_length;
  SD_CHECK(tokens >= 1 && tokens <= features.most_tokens, ErrorKind::kUsage, kFlag,
           ": expected a whole number from 1 to ", features.most_tokens, ", found ", tokens);
}

void check_skip_layers(const SkipLayerGuidance& skip, const ModelFeatures& features) {
  if (skip.layers.empty()) return;
  SD_CHECK(features.blocks > 0, ErrorKind::kUsage,
           "--skip-layers: this model has no skip-layer guidance");
  for (const int layer : skip.layers) {
    SD_CHECK(layer >= 0 && layer < features.blocks, ErrorKind::kUsage,
             "--skip-layers: expected numbers from 0 to ", features.blocks - 1,
             " for this model, found ", layer);
  }
  SD_CHECK(std::isfinite(skip.scale), ErrorKind::kUsage,
           "--skip-layer-scale: expected a finite number, found ", skip.scale);
  SD_CHECK(skip.start >= 0 && skip.start <= 1, ErrorKind::kUsage,
           "--skip-layer-start: expected a number from 0 to 1, found ", skip.start);
  SD_CHECK(skip.stop >= 0 && skip.stop <= 1, ErrorKind::kUsage,
           "--skip-layer-stop: expected a number from 0 to 1, found ", skip.stop);
}

}  // namespace

void check_features(const Request& request, const ModelFeatures& features) {
  check_prompts(request, features);
  check_sequence_length(request, features);
  check_skip_layers(request.skip_layers, features);
}

void check_features(const LoadOptions& options, const ModelFeatures& features) {
  SD_CHECK(!options.no_t5 || features.t5 != T5Support::kNone, ErrorKind::kUsage,
           "--no-t5: ", kNoT5);
  SD_CHECK(!options.no_t5 || features.t5 == T5Support::kOptional, ErrorKind::kUsage,
           "--no-t5: this model cannot do without its T5 text encoder");
  if (options.t5_dtype.empty()) return;
  SD_CHECK(features.t5 != T5Support::kNone, ErrorKind::kUsage, "--t5-dtype: ", kNoT5);
  SD_CHECK(!features.lacks_t5 && !options.no_t5, ErrorKind::kUsage,
           "--t5-dtype: the T5 text encoder is left out");
}

}  // namespace sd
