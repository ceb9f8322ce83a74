#include "models/sd3/sd3_text.h"

#include <algorithm>

#include "core/check.h"
#include "core/device.h"
#include "core/stop.h"
#include "core/tensor_ops.h"
#include "models/weight_bytes.h"

namespace sd {
namespace {

constexpr const char* kClipNames[] = {"text_encoder", "text_encoder_2"};
constexpr const char* kClipTokenizers[] = {"tokenizer", "tokenizer_2"};
constexpr const char* kT5Name = "text_encoder_3";

/// diffusers takes the last but one hidden state, and `clip_skip` states before that.
ClipTextState clip_state(const ClipTextConfig& config, int clip_skip) {
  const int64_t most = config.layers - 1;
  SD_CHECK(clip_skip >= 0 && clip_skip <= most, ErrorKind::kUsage, "--clip-skip: expected 0 to ",
           most, " for this model, found ", clip_skip);
  return {.index = -(clip_skip + 2), .final_norm = FinalNorm::kNo};
}

ClipPart make_clip(const ModelFolder& folder, size_t which, const std::string& variant,
                   const Placement& placement, Observer& observer) {
  const auto tokenizer =
      component_folder(folder, kClipTokenizers[which], {"CLIPTokenizer", "CLIPTokenizerFast"});
  return make_clip_part({find_component(folder, kClipNames[which], {"CLIPTextModelWithProjection"},
                                        {"model", variant}, observer),
                         tokenizer, placement},
                        ClipTextHead::kProjection);
}

/// CLIP's context length: that of its tokenizer, at most the encoder's.
int64_t length_of(const ClipPart& clip) {
  const int64_t positions = clip.config.max_positions;
  return std::min(clip.tokenizer.model_max_length().value_or(positions), positions);
}

/// The chosen text, else the one that it stands in for.
std::string or_else(const std::string& text, const std::string& fallback) {
  return text.empty() ? fallback : text;
}

}  // namespace

std::string Sd3Text::Prompt::key() const {
  return concat_text(clip_skip, ':', length, ':', texts[0].size(), ':', texts[1].size(), ':',
                     texts[0], texts[1], texts[2]);
}

Sd3Text::Sd3Text(const ModelFolder& folder, const LoadOptions& options, const Placement& placement,
                 int64_t text_width, Observer& observer)
    : placement_(placement), releases_(options.low_memory), text_width_(text_width) {
  for (size_t i = 0; i < 2; ++i) {
    clips_.push_back(make_clip(folder, i, options.variant, placement, observer));
  }
  const int64_t clip_width = clips_[0].config.hidden_size + clips_[1].config.hidden_size;
  SD_CHECK(clip_width <= text_width, ErrorKind::kModel, folder.index().string(),
           ": the two CLIP text encoders are ", clip_width,
           " wide together, the transformer takes at most 'joint_attention_dim' ", text_width);
  SD_CHECK(length_of(clips_[0]) == length_of(clips_[1]), ErrorKind::kModel, folder.index().string(),
           ": the two CLIP text encoders should take equally many tokens, found ",
           length_of(clips_[0]), " and ", length_of(clips_[1]));
  if (options.no_t5 || !folder.has(kT5Name)) {
    observer.on_warning(concat_text(
        options.no_t5 ? "--no-t5" : concat_text(folder.index().string(), " has no text_encoder_3"),
        ": the picture is made without the T5 text encoder; prompts beyond the ",
        length_of(clips_[0]),
        " tokens of CLIP, fine details of long prompts and written words are followed less"));
    return;
  }
  const TextPartFiles files{
      find_component(folder, kT5Name, {"T5EncoderModel"}, {"model", options.variant}, observer),
      component_folder(folder, "tokenizer_3", {"T5TokenizerFast", "T5Tokenizer"}),
      t5_placement(options, placement)};
  const bool is_fast = folder.components.at("tokenizer_3") == "T5TokenizerFast";
  t5_ = make_t5_part(files, is_fast ? SentencePieceFlavor::kFast : SentencePieceFlavor::kSlow);
  SD_CHECK(t5_->config.d_model == text_width, ErrorKind::kModel, t5_->paths.config.string(),
           ": 'd_model' should be the 'joint_attention_dim' ", text_width,
           " of the transformer, found ", t5_->config.d_model);
}

std::string Sd3Text::t5_name() const { return t5_ ? dtype_name(t5_->placement) : "none"; }

int64_t Sd3Text::pooled_width() const {
  return clips_[0].config.projection_dim + clips_[1].config.projection_dim;
}

void Sd3Text::check(const Request& request) const {
  for (const ClipPart& clip : clips_) clip_state(clip.config, request.clip_skip);
}

Sd3Text::Prompt Sd3Text::positive(const Request& request) {
  return {.texts = {request.prompt, or_else(request.prompt_2, request.prompt),
                    or_else(request.prompt_3, request.prompt)},
          .clip_skip = request.clip_skip,
          .length = request.max_sequence_length.value_or(kDefaultLength)};
}

/// It keeps all layers, as in diffusers.
Sd3Text::Prompt Sd3Text::negative(const Request& request) {
  const std::string& first = request.negative_prompt;
  return {.texts = {first, or_else(request.negative_prompt_2, first),
                    or_else(request.negative_prompt_3, first)},
          .clip_skip = 0,
          .length = request.max_sequence_length.value_or(kDefaultLength)};
}

std::vector<Sd3Text::Prompt> Sd3Text::prompts_of(const std::vector<Request>& batch,
                                                 Guidance guidance) {
  std::vector<Prompt> prompts;
  if (guidance == Guidance::kOn) {
    for (const Request& request : batch) prompts.push_back(negative(request));
  }
  for (const Request& request : batch) prompts.push_back(positive(request));
  return prompts;
}

ClipTextOutput Sd3Text::encode_clip(size_t which, const std::vector<Prompt>& prompts,
                                    Observer& observer) {
  ClipPart& clip = clips_[which];
  const int64_t length = length_of(clip);
  const ClipTextState state = clip_state(clip.config, prompts[0].clip_skip);
  std::vector<at::Tensor> ids;
  for (const Prompt& prompt : prompts) {
    const TokenizedPrompt tokens = clip.tokenizer.tokenize(prompt.texts[which], length);
    // The second cuts the same text at the same place.
    if (which == 0 || prompt.texts[which] != prompt.texts[0]) {
      warn_of_cut(tokens, length, "CLIP text encoder", observer);
    }
    ids.push_back(at::tensor(tokens.ids, at::kLong).unsqueeze(0));
  }
  std::vector<at::Tensor> states;
  std::vector<at::Tensor> pooled;
  for (const std::vector<at::Tensor>& some : in_batches(ids, placement_)) {
    check_not_stopped(observer);
    const ClipTextOutput out =
        clip.encoder.get().encode(at::cat(some), {.states = {state}, .pooled = true});
    states.push_back(out.states[0]);
    pooled.push_back(out.pooled);
  }
  if (releases_) clip.encoder.release();
  return {{at::cat(states)}, at::cat(pooled)};
}

at::Tensor Sd3Text::encode_t5(const std::vector<Prompt>& prompts, Observer& observer) {
  const int64_t length = prompts[0].length;
  const auto count = static_cast<int64_t>(prompts.size());
  if (!t5_) {
    return at::zeros({count, length, text_width_},
                     at::TensorOptions(placement_.device).dtype(placement_.dtype));
  }
  std::vector<at::Tensor> ids;
  for (const Prompt& prompt : prompts) {
    const TokenizedPrompt tokens = t5_->tokenizer.tokenize(prompt.texts[2], length);
    warn_of_cut(tokens, length, "T5 text encoder", observer);
    ids.push_back(at::tensor(tokens.ids, at::kLong).unsqueeze(0));
  }
  std::vector<at::Tensor> states;
  for (const std::vector<at::Tensor>& some : in_batches(ids, t5_->placement)) {
    check_not_stopped(observer);
    states.push_back(t5_->encoder.get().encode(at::cat(some)));
  }
  if (releases_) t5_->encoder.release();
  return at::cat(states).to(placement_.device, placement_.dtype);
}

/// The CLIPs side by side, padded with zeros to the width of T5, before T5's states.
std::vector<std::vector<at::Tensor>> Sd3Text::encode_together(const std::vector<Prompt>& prompts,
                                                              Observer& observer) {
  const ClipTextOutput l = encode_clip(0, prompts, observer);
  const ClipTextOutput g = encode_clip(1, prompts, observer);
  const at::Tensor clip = at::cat({l.states[0], g.states[0]}, 2);
  const at::Tensor text =
      at::cat({at::pad(clip, {0, text_width_ - clip.size(2)}), encode_t5(prompts, observer)}, 1);
  const at::Tensor pooled = at::cat({l.pooled, g.pooled}, 1);
  std::vector<std::vector<at::Tensor>> states;
  for (int64_t i = 0; i < text.size(0); ++i) {  // clones, because views would keep all rows
    states.push_back({text.narrow(0, i, 1).clone(), pooled.narrow(0, i, 1).clone()});
  }
  return states;
}

Conditioning Sd3Text::encode(const std::vector<Request>& batch, Guidance guidance,
                             Observer& observer) {
  const std::vector<at::Tensor> rows = book_.rows(
      prompts_of(batch, guidance),
      [&](const std::vector<Prompt>& prompts) { return encode_together(prompts, observer); });
  Conditioning conditioning;
  conditioning.text = rows[0];
  conditioning.pooled = rows[1];
  return conditioning;
}

void Sd3Text::encode_ahead(const std::vector<Request>& batch, double default_scale,
                           Observer& observer) {
  book_.find(
      prompts_ahead(batch, default_scale, prompts_of),
      [&](const std::vector<Prompt>& prompts) { return encode_together(prompts, observer); });
}

void Sd3Text::load() {
  for (ClipPart& clip : clips_) clip.encoder.get();
  if (t5_) t5_->encoder.get();
}

void Sd3Text::release() {
  for (ClipPart& clip : clips_) clip.encoder.release();
  if (t5_) t5_->encoder.release();
}

std::vector<const ComponentPaths*> Sd3Text::paths() const {
  std::vector<const ComponentPaths*> all;
  for (const ClipPart& clip : clips_) all.push_back(&clip.paths);
  if (t5_) all.push_back(&t5_->paths);
  return all;
}

double Sd3Text::weight_bytes() const {
  double bytes = t5_ ? sd::weight_bytes(WeightStore(t5_->paths.weights), t5_->placement) : 0;
  for (const ClipPart& clip : clips_) {
    bytes += sd::weight_bytes(WeightStore(clip.paths.weights), placement_);
  }
  return bytes;
}

}  // namespace sd
