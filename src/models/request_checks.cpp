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
    const bool shares = features.prompts == 1 && features.t5 != T5Support::kNone;
    SD_CHECK(!shares, ErrorKind::kUsage, prompt.flag,
             ": all text encoders of this model read the same prompt");
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

void check_told_size(const std::optional<PixelSize>& size, const char* flag, bool is_told) {
  if (!size) return;
  SD_CHECK(is_told, ErrorKind::kUsage, flag, ": the network of this model is not told of sizes");
  SD_CHECK(size->width > 0 && size->height > 0, ErrorKind::kUsage, flag,
           ": expected a width and a height above 0, found ", size->width, "x", size->height);
}

void check_sizes(const Request& request, const ModelFeatures& features) {
  check_told_size(request.original_size, "--original-size", features.has_sizes);
  check_told_size(request.target_size, "--target-size", features.has_sizes);
  if (request.crop) {
    SD_CHECK(features.has_sizes, ErrorKind::kUsage,
             "--crop: the network of this model is not told of sizes");
    SD_CHECK(request.crop->top >= 0 && request.crop->left >= 0, ErrorKind::kUsage,
             "--crop: expected two whole numbers from 0, found ", request.crop->top, ",",
             request.crop->left);
  }
  SD_CHECK(!request.resolution_binning.value_or(false) || features.has_binning, ErrorKind::kUsage,
           "--resolution-binning: this model has no list of sizes");
}

void check_rope(const Request& request, const ModelFeatures& features) {
  const std::string& grid = request.rope_grid;
  SD_CHECK(grid.empty() || grid == "diffusers" || grid == "original", ErrorKind::kUsage,
           "--rope-grid: expected diffusers or original, found '", grid, "'");
  SD_CHECK(grid != "original" || features.has_rope, ErrorKind::kUsage,
           "--rope-grid: this model has no rotary positions");
  SD_CHECK(!request.rounded_times || features.has_rope, ErrorKind::kUsage,
           "--rounded-times: diffusers does not round the times of this model");
}

}  // namespace

void check_features(const Request& request, const ModelFeatures& features) {
  check_prompts(request, features);
  check_sequence_length(request, features);
  check_skip_layers(request.skip_layers, features);
  check_sizes(request, features);
  check_rope(request, features);
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
