#include "models/stable_diffusion/stable_diffusion.h"

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include "core/check.h"
#include "core/config_limits.h"
#include "core/stop.h"
#include "core/tensor_ops.h"
#include "diffusion/registry.h"
#include "jobs/request_limits.h"
#include "models/folder_scheduler.h"
#include "models/lazy.h"
#include "models/prompt_book.h"
#include "models/request_checks.h"
#include "models/unet/unet.h"
#include "models/unet/unet_memory.h"
#include "models/unet/unet_work.h"
#include "models/weight_bytes.h"
#include "text/clip_text_model.h"
#include "text/clip_tokenizer.h"
#include "vae/vae_memory.h"
#include "vae/vae_work.h"

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

/// The files of the networks.
struct Parts {
  ComponentPaths text_encoder;
  ComponentPaths unet;
  ComponentPaths vae;
};

class StableDiffusion : public Family {
 public:
  StableDiffusion(const ModelFolder& folder, const LoadOptions& options, const Placement& placement,
                  Observer& observer);

  FamilyDefaults defaults() const override { return defaults_; }
  int size_multiple() const override { return latent_factor(); }
  int largest_side() const override { return kMaxSide; }
  int latent_factor() const override { return static_cast<int>(vae_config_.scale_factor()); }
  int64_t latent_channels() const override { return vae_config_.latent_channels; }
  const SchedulerConfig& scheduler_config() const override { return scheduler_; }
  StrengthRule strength_rule() const override { return StrengthRule::kWholeSteps; }
  std::optional<int64_t> image_tokens(int64_t /*h*/, int64_t /*w*/) const override { return {}; }
  std::string t5_name() const override { return ""; }
  void check(const Request& request) const override {
    check_features(request, kFeatures);
    skipped_state(text_config_, request.clip_skip);
  }

  Conditioning encode(const std::vector<Request>& batch, Guidance guidance,
                      Observer& observer) override;
  void encode_ahead(const std::vector<Request>& requests, Observer& observer) override;
  Denoiser& denoiser() override { return unet_.get(); }
  AutoencoderKl& autoencoder() override { return vae_.get(); }

  double least_memory(int64_t images, Guidance guidance, int64_t h, int64_t w) const override {
    return std::max(
        least_call_memory(unet_config_, rows_of(images, guidance), h, w, element_size()),
        least_decode_memory(vae_config_, vae_memory_, placement_, images, h, w));
  }
  FamilyNeeds needs(int64_t images, Guidance guidance, int64_t h, int64_t w) const override;

  std::optional<std::string> find_broken_weight() const override;

  void load_weights() override {
    text_encoder_.get();
    unet_.get();
    vae_.get();
  }
  void release_text() override { text_encoder_.release(); }
  void release_denoiser() override { unet_.release(); }
  void release_autoencoder() override { vae_.release(); }

 private:
  /// What the text encoder is asked for.
  struct Prompt {
    std::string text;
    int clip_skip = 0;

    std::string key() const { return concat_text(clip_skip, ':', text); }
    int group() const { return clip_skip; }
  };

  static int64_t rows_of(int64_t images, Guidance guidance) {
    return guidance == Guidance::kOn ? 2 * images : images;
  }
  int64_t element_size() const { return static_cast<int64_t>(c10::elementSize(placement_.dtype)); }

  static std::vector<Prompt> prompts_of(const std::vector<Request>& batch, Guidance guidance);
  std::vector<int64_t> tokenize(const std::string& prompt, Observer& observer) const;
  /// The text states [1, T, D] of each of `prompts`, which share their clip_skip.
  std::vector<std::vector<at::Tensor>> encode_together(const std::vector<Prompt>& prompts,
                                                       Observer& observer);

  Placement placement_;
  Parts parts_;
  ClipTextConfig text_config_;
  UNetConfig unet_config_;
  AutoencoderKlConfig vae_config_;
  VaeMemory vae_memory_;
  FamilyDefaults defaults_;
  SchedulerConfig scheduler_;
  ClipTokenizer tokenizer_;
  PromptBook<Prompt> book_{1};
  Lazy<ClipTextEncoder> text_encoder_;
  Lazy<UNet> unet_;
  Lazy<AutoencoderKl> vae_;
};

Parts find_parts(const ModelFolder& folder, const std::string& variant, Observer& observer) {
  check_variant(folder, variant);
  const WeightFileName diffusers{"diffusion_pytorch_model", variant};
  return {
      find_component(folder, "text_encoder", {"CLIPTextModel"}, {"model", variant}, observer),
      find_component(folder, "unet", {"UNet2DConditionModel"}, diffusers, observer),
      find_component(folder, "vae", {"AutoencoderKL"}, diffusers, observer),
  };
}

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

/// Do the networks fit together, and is it pictures that they make?
void check_widths(const Parts& parts, const ClipTextConfig& text, const UNetConfig& unet,
                  const AutoencoderKlConfig& vae) {
  const std::string unet_file = parts.unet.config.string();
  SD_CHECK(unet.in_channels == vae.latent_channels, ErrorKind::kModel, unet_file,
           ": 'in_channels' is ", unet.in_channels,
           unet.in_channels == 2 * vae.latent_channels + 1 ? " (an inpainting model)" : "",
           ", txt2img and img2img need the ", vae.latent_channels, " of the autoencoder");
  const bool learns_variance = unet.out_channels == 2 * vae.latent_channels;
  SD_CHECK(unet.out_channels == vae.latent_channels || learns_variance, ErrorKind::kModel,
           unet_file, ": 'out_channels' should be the ", vae.latent_channels,
           " of the autoencoder, found ", unet.out_channels);
  const int64_t text_width = unet.projected_text_width.value_or(unet.down[0].text_width);
  SD_CHECK(text_width == text.hidden_size, ErrorKind::kModel, unet_file, ": '",
           unet.projected_text_width ? "encoder_hid_dim" : "cross_attention_dim",
           "' should be the 'hidden_size' ", text.hidden_size, " of ",
           parts.text_encoder.config.string(), ", found ", text_width);
  SD_CHECK(vae.in_channels == 3 && vae.out_channels == 3, ErrorKind::kModel,
           parts.vae.config.string(), ": 'in_channels' and 'out_channels' should be 3, found ",
           vae.in_channels, " and ", vae.out_channels);
}

void check_tokens(const ClipTokenizer& tokenizer, const ClipTextConfig& text,
                  const fs::path& config) {
  const LargestToken largest = tokenizer.largest_token();
  SD_CHECK(largest.id < text.vocab_size, ErrorKind::kModel, largest.source.string(),
           ": token ids should be below 'vocab_size' ", text.vocab_size, " of ", config.string(),
           ", the largest is ", largest.id);
}

StableDiffusion::StableDiffusion(const ModelFolder& folder, const LoadOptions& options,
                                 const Placement& placement, Observer& observer)
    : placement_(placement),
      parts_(find_parts(folder, options.variant, observer)),
      text_config_(read_clip_text_config(parts_.text_encoder.config)),
      unet_config_(read_unet_config(parts_.unet.config)),
      vae_config_(read_autoencoder_kl_config(parts_.vae.config)),
      vae_memory_{options.vae_slicing, options.vae_tiling},
      scheduler_(read_scheduler(folder, observer)),
      tokenizer_(component_folder(folder, "tokenizer", {"CLIPTokenizer", "CLIPTokenizerFast"})),
      text_encoder_([this] {
        WeightStore weights(parts_.text_encoder.weights);
        return load_clip_text_encoder(parts_.text_encoder.config, weights, placement_,
                                      ClipTextHead::kNone);
      }),
      unet_([this] {
        WeightStore weights(parts_.unet.weights);
        return load_unet(unet_config_, weights, placement_);
      }),
      vae_([this] {
        WeightStore weights(parts_.vae.weights);
        auto vae = load_autoencoder_kl(parts_.vae.config, weights, placement_);
        vae->set_memory(vae_memory_);
        return vae;
      }) {
  check_features(options, kFeatures);
  check_widths(parts_, text_config_, unet_config_, vae_config_);
  check_tokens(tokenizer_, text_config_, parts_.text_encoder.config);
  const fs::path& file = parts_.unet.config;
  defaults_.width = trained_side(folder, file, unet_config_.sample_width, latent_factor());
  defaults_.height = trained_side(folder, file, unet_config_.sample_height, latent_factor());
}

FamilyNeeds StableDiffusion::needs(int64_t images, Guidance guidance, int64_t h, int64_t w) const {
  const WeightStore unet(parts_.unet.weights);
  const WeightStore vae(parts_.vae.weights);
  const int64_t rows = rows_of(images, guidance);
  return {.text_weights = weight_bytes(WeightStore(parts_.text_encoder.weights), placement_),
          .denoiser_weights = weight_bytes(unet, placement_),
          .autoencoder_weights = weight_bytes(vae, placement_),
          .call_memory = least_call_memory(unet_config_, rows, h, w, element_size()),
          .decode_memory = least_decode_memory(vae_config_, vae_memory_, placement_, images, h, w),
          .call = call_work(unet_config_, unet, rows, h, w),
          .decode = decode_work(vae_config_, vae, images, h, w)};
}

std::optional<std::string> StableDiffusion::find_broken_weight() const {
  for (const ComponentPaths* part : {&parts_.text_encoder, &parts_.unet, &parts_.vae}) {
    if (auto found = WeightStore(part->weights).find_non_finite()) return found;
  }
  return {};
}

std::vector<int64_t> StableDiffusion::tokenize(const std::string& prompt,
                                               Observer& observer) const {
  const int64_t positions = text_config_.max_positions;
  const int64_t length = std::min(tokenizer_.model_max_length().value_or(positions), positions);
  const TokenizedPrompt tokens = tokenizer_.tokenize(prompt, length);
  if (!tokens.truncated_text.empty()) {
    observer.on_warning(concat_text("the prompt is longer than the ", length,
                                    " tokens of the text encoder; this was cut: \"",
                                    tokens.truncated_text, "\""));
  }
  return tokens.ids;
}

std::vector<std::vector<at::Tensor>> StableDiffusion::encode_together(
    const std::vector<Prompt>& prompts, Observer& observer) {
  std::vector<at::Tensor> ids;
  for (const Prompt& prompt : prompts) {
    ids.push_back(at::tensor(tokenize(prompt.text, observer), at::kLong).unsqueeze(0));
  }
  ClipTextEncoder& encoder = text_encoder_.get();
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
  std::vector<Prompt> all;
  for (const Request& request : requests) {
    const bool is_guided = request.scale.value_or(defaults_.scale) > 1;
    for (Prompt& prompt : prompts_of({request}, is_guided ? Guidance::kOn : Guidance::kOff)) {
      all.push_back(std::move(prompt));
    }
  }
  book_.find(
      all, [&](const std::vector<Prompt>& prompts) { return encode_together(prompts, observer); });
}

Conditioning StableDiffusion::encode(const std::vector<Request>& batch, Guidance guidance,
                                     Observer& observer) {
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
