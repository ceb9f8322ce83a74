#include "models/stable_diffusion/stable_diffusion.h"

#include <algorithm>

#include "core/check.h"
#include "core/config_limits.h"
#include "core/stop.h"
#include "core/tensor_ops.h"
#include "diffusion/registry.h"
#include "jobs/request_limits.h"
#include "models/family_base.h"
#include "models/folder_scheduler.h"
#include "models/prompt_book.h"
#include "models/request_checks.h"
#include "models/text_parts.h"
#include "models/unet/unet.h"
#include "models/unet/unet_memory.h"
#include "models/unet/unet_work.h"
#include "models/weight_bytes.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

/// The prompt's state after `clip_skip` left-out layers: the encoder's last state, or an earlier
/// one with the final norm applied to it (diffusers `encode_prompt`).
ClipTextState skipped_state(const ClipTextConfig& config, int clip_skip) {
  SD_CHECK(clip_skip >= 0 && clip_skip <= config.layers, ErrorKind::kUsage,
           "--clip-skip: expected 0 to ", config.layers, " for this model, found ", clip_skip);
  return {.index = -(clip_skip + 1), .final_norm = FinalNorm::kYes};
}

/// One text encoder, which takes as many tokens as it has positions.
constexpr ModelFeatures kFeatures;

class StableDiffusion : public FamilyBase {
 public:
  StableDiffusion(const ModelFolder& folder, const LoadOptions& options, const Placement& placement,
                  Observer& observer);

  int size_multiple() const override { return latent_factor(); }
  int largest_side() const override { return kMaxSide; }
  bool learns_variance() const override {
    return unet_config_.out_channels == 2 * latent_channels();
  }
  void check(const Request& request) const override {
    check_features(request, kFeatures);
    skipped_state(text_.config, request.clip_skip);
  }

  Conditioning encode(const std::vector<Request>& batch, Guidance guidance, PixelSize size,
                      Observer& observer) override;
  void encode_ahead(const std::vector<Request>& requests, Observer& observer) override;
  Denoiser& denoiser() override { return unet_.get(); }

  void load_weights() override {
    text_.encoder.get();
    unet_.get();
    vae_.get();
  }
  void release_text() override { text_.encoder.release(); }
  void release_denoiser() override { unet_.release(); }

 protected:
  const ComponentPaths& denoiser_paths() const override { return unet_paths_; }
  std::vector<const ComponentPaths*> text_paths() const override { return {&text_.paths}; }
  double text_weights() const override {
    return weight_bytes(WeightStore(text_.paths.weights), placement_);
  }
  double call_memory(int64_t rows, int64_t h, int64_t w) const override {
    return least_call_memory(unet_config_, rows, h, w, element_size());
  }
  std::vector<GridWork> call_work(const WeightStore& denoiser, int64_t rows, int64_t h,
                                  int64_t w) const override {
    return sd::call_work(unet_config_, denoiser, rows, h, w);
  }

 private:
  /// What the text encoder is asked for.
  struct Prompt {
    std::string text;
    int clip_skip = 0;

    std::string key() const { return concat_text(clip_skip, ':', text); }
    int group() const { return clip_skip; }
  };

  static std::vector<Prompt> prompts_of(const std::vector<Request>& batch, Guidance guidance);
  std::vector<int64_t> tokenize(const std::string& prompt, Observer& observer) const;
  /// The text states [1, T, D] of each of `prompts`, which share their clip_skip.
  std::vector<std::vector<at::Tensor>> encode_together(const std::vector<Prompt>& prompts,
                                                       Observer& observer);

  ComponentPaths unet_paths_;
  UNetConfig unet_config_;
  ClipPart text_;
  PromptBook<Prompt> book_{1};
  Lazy<UNet> unet_;
};

/// With what diffusers' pipelines of this family do to it.
SchedulerConfig read_scheduler(const ModelFolder& folder, Observer& observer) {
  SchedulerConfig config = load_folder_scheduler(folder, observer);
  patch_for_stable_diffusion(config);
  return config;
}

/// The side of a picture that the UNet was trained for. Folders of diffusers before 0.9 say 32
/// where they mean 64 (diffusers `StableDiffusionPipeline.__init__`).
int trained_side(const ModelFolder& folder, const fs::path& config,
                 std::optional<int64_t> sample_size, int64_t factor) {
  constexpr int64_t kSmallestOfOldFolders = 64;
  int64_t cells = sample_size.value_or(kSmallestOfOldFolders);
  if (older_than(folder.diffusers_version, 0, 9)) cells = std::max(cells, kSmallestOfOldFolders);
  SD_CHECK(cells * factor <= kPixelsRange.most, ErrorKind::kModel, config.string(),
           ": 'sample_size' should be at most ", kPixelsRange.most / factor,
           " with this autoencoder, found ", cells);
  return static_cast<int>(cells * factor);
}

/// Do the networks fit together?
void check_widths(const fs::path& unet_config, const UNetConfig& unet, const ClipPart& text,
                  const AutoencoderKlConfig& vae) {
  const std::string unet_file = unet_config.string();
  SD_CHECK(unet.in_channels == vae.latent_channels, ErrorKind::kModel, unet_file,
           ": 'in_channels' is ", unet.in_channels,
           unet.in_channels == 2 * vae.latent_channels + 1 ? " (an inpainting model)" : "",
           ", txt2img and img2img need the ", vae.latent_channels, " of the autoencoder");
  const bool learns_variance = unet.out_channels == 2 * vae.latent_channels;
  SD_CHECK(unet.out_channels == vae.latent_channels || learns_variance, ErrorKind::kModel,
           unet_file, ": 'out_channels' should be the ", vae.latent_channels,
           " of the autoencoder, found ", unet.out_channels);
  const int64_t text_width = unet.projected_text_width.value_or(unet.down[0].text_width);
  SD_CHECK(text_width == text.config.hidden_size, ErrorKind::kModel, unet_file, ": '",
           unet.projected_text_width ? "encoder_hid_dim" : "cross_attention_dim",
           "' should be the 'hidden_size' ", text.config.hidden_size, " of ",
           text.paths.config.string(), ", found ", text_width);
}

StableDiffusion::StableDiffusion(const ModelFolder& folder, const LoadOptions& options,
                                 const Placement& placement, Observer& observer)
    : FamilyBase(find_diffusers_part(folder, {"vae", "AutoencoderKL"}, options, observer),
                 read_scheduler(folder, observer), options, placement),
      unet_paths_(find_diffusers_part(folder, {"unet", "UNet2DConditionModel"}, options, observer)),
      unet_config_(read_unet_config(unet_paths_.config)),
      text_(make_clip_part(
          {find_component(folder, "text_encoder", {"CLIPTextModel"}, {"model", options.variant},
                          observer),
           component_folder(folder, "tokenizer", {"CLIPTokenizer", "CLIPTokenizerFast"}),
           placement},
          ClipTextHead::kNone)),
      unet_([this] {
        WeightStore weights(unet_paths_.weights);
        return load_unet(unet_config_, weights, placement_);
      }) {
  check_features(options, kFeatures);
  check_widths(unet_paths_.config, unet_config_, text_, vae_.config());
  const fs::path& file = unet_paths_.config;
  defaults_.width = trained_side(folder, file, unet_config_.sample_width, latent_factor());
  defaults_.height = trained_side(folder, file, unet_config_.sample_height, latent_factor());
}

std::vector<int64_t> StableDiffusion::tokenize(const std::string& prompt,
                                               Observer& observer) const {
  const int64_t positions = text_.config.max_positions;
  const int64_t length =
      std::min(text_.tokenizer.model_max_length().value_or(positions), positions);
  const TokenizedPrompt tokens = text_.tokenizer.tokenize(prompt, length);
  warn_of_cut(tokens, length, "text encoder", observer);
  return tokens.ids;
}

std::vector<std::vector<at::Tensor>> StableDiffusion::encode_together(
    const std::vector<Prompt>& prompts, Observer& observer) {
  std::vector<at::Tensor> ids;
  for (const Prompt& prompt : prompts) {
    ids.push_back(at::tensor(tokenize(prompt.text, observer), at::kLong).unsqueeze(0));
  }
  ClipTextEncoder& encoder = text_.encoder.get();
  const ClipTextState state = skipped_state(encoder.config(), prompts[0].clip_skip);
  std::vector<std::vector<at::Tensor>> states;
  for (const std::vector<at::Tensor>& some : in_batches(ids, placement_)) {
    check_not_stopped(observer);
    const at::Tensor rows = encoder.encode(at::cat(some), {.states = {state}}).states[0];
    // Clones, because views would keep all rows.
    for (int64_t i = 0; i < rows.size(0); ++i) states.push_back({rows.narrow(0, i, 1).clone()});
  }
  return states;
}

std::vector<StableDiffusion::Prompt> StableDiffusion::prompts_of(const std::vector<Request>& batch,
                                                                 Guidance guidance) {
  std::vector<Prompt> prompts;
  if (guidance == Guidance::kOn) {  // the negative prompt keeps all layers, as in diffusers
    for (const Request& request : batch) prompts.push_back({request.negative_prompt, 0});
  }
  for (const Request& request : batch) prompts.push_back({request.prompt, request.clip_skip});
  return prompts;
}

void StableDiffusion::encode_ahead(const std::vector<Request>& requests, Observer& observer) {
  book_.find(prompts_ahead(requests, defaults_.scale, prompts_of),
             [&](const auto& prompts) { return encode_together(prompts, observer); });
}

Conditioning StableDiffusion::encode(const std::vector<Request>& batch, Guidance guidance,
                                     PixelSize /*size*/, Observer& observer) {
  Conditioning conditioning;
  conditioning.text = book_.rows(prompts_of(batch, guidance), [&](const auto& prompts) {
    return encode_together(prompts, observer);
  })[0];
  return conditioning;
}

}  // namespace

std::unique_ptr<Family> load_stable_diffusion(const ModelFolder& folder, const LoadOptions& options,
                                              const Placement& placement, Observer& observer) {
  return std::make_unique<StableDiffusion>(folder, options, placement, observer);
}

}  // namespace sd
