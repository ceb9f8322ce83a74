#include "models/stable_diffusion/stable_diffusion.h"

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include "core/check.h"
#include "core/config_reader.h"
#include "core/tensor_ops.h"
#include "diffusion/registry.h"
#include "models/unet/unet.h"
#include "text/clip_text_model.h"
#include "text/clip_tokenizer.h"

namespace sd {
namespace {

/// A component that is loaded when it is first asked for and can be given back.
template <typename T>
class Lazy {
 public:
  explicit Lazy(std::function<std::unique_ptr<T>()> load) : load_(std::move(load)) {}

  T& get() {
    if (!value_) value_ = load_();
    return *value_;
  }
  void release() { value_.reset(); }

 private:
  std::function<std::unique_ptr<T>()> load_;
  std::unique_ptr<T> value_;
};

/// The prompt's state after `clip_skip` left-out layers: the encoder's last state, or an earlier
/// one with the final norm applied to it (diffusers `encode_prompt`).
ClipTextState skipped_state(const ClipTextConfig& config, int clip_skip) {
  SD_CHECK(clip_skip >= 0 && clip_skip <= config.layers, ErrorKind::kUsage,
           "--clip-skip: expected 0 to ", config.layers, " for this model, found ", clip_skip);
  return {.index = -(clip_skip + 1), .final_norm = FinalNorm::kYes};
}

class StableDiffusion : public Family {
 public:
  StableDiffusion(const ModelFolder& folder, const LoadOptions& options, const Placement& placement,
                  Observer& observer);

  FamilyDefaults defaults() const override { return defaults_; }
  int size_multiple() const override { return latent_factor(); }
  int latent_factor() const override { return static_cast<int>(vae_config_.scale_factor()); }
  int64_t latent_channels() const override { return vae_config_.latent_channels; }
  const SchedulerConfig& scheduler_config() const override { return scheduler_; }

  Conditioning encode(const std::vector<Request>& batch, Guidance guidance,
                      Observer& observer) override;
  Denoiser& denoiser() override { return unet_.get(); }
  AutoencoderKl& autoencoder() override { return vae_.get(); }

  void release_text() override { text_encoder_.release(); }
  void release_denoiser() override { unet_.release(); }
  void release_autoencoder() override { vae_.release(); }

 private:
  /// text states of one prompt [1, T, D]
  at::Tensor encode_prompt(const std::string& prompt, int clip_skip, Observer& observer);

  Placement placement_;
  AutoencoderKlConfig vae_config_;
  FamilyDefaults defaults_;
  SchedulerConfig scheduler_;
  ClipTokenizer tokenizer_;
  Lazy<ClipTextEncoder> text_encoder_;
  Lazy<UNet> unet_;
  Lazy<AutoencoderKl> vae_;
};

SchedulerConfig read_scheduler(const ModelFolder& folder) {
  auto found = folder.components.find("scheduler");
  SD_CHECK(found != folder.components.end(), ErrorKind::kModel,
           (folder.path / "model_index.json").string(), ": the component 'scheduler' is missing");
  SchedulerConfig config =
      load_scheduler_config(folder.path / "scheduler" / "scheduler_config.json", found->second);
  patch_for_stable_diffusion(config);
  return config;
}

/// The side of a picture that the UNet was trained for. Folders of diffusers before 0.9 say 32
/// where they mean 64 (diffusers `StableDiffusionPipeline.__init__`).
int trained_side(const ModelFolder& folder, std::optional<int64_t> sample_size, int64_t factor) {
  constexpr int64_t kSmallestOfOldFolders = 64;
  constexpr int64_t kLargest = 2048;
  int64_t cells = sample_size.value_or(kSmallestOfOldFolders);
  SD_CHECK(cells >= 1 && cells <= kLargest, ErrorKind::kModel,
           (folder.path / "unet" / "config.json").string(), ": 'sample_size' should be 1 to ",
           kLargest, ", found ", cells);
  if (older_than(folder.diffusers_version, 0, 9)) cells = std::max(cells, kSmallestOfOldFolders);
  return static_cast<int>(cells * factor);
}

void check_channels(const ModelFolder& folder, const UNetConfig& unet,
                    const AutoencoderKlConfig& vae) {
  SD_CHECK(unet.in_channels == vae.latent_channels, ErrorKind::kModel,
           (folder.path / "unet" / "config.json").string(), ": 'in_channels' is ", unet.in_channels,
           unet.in_channels == 2 * vae.latent_channels + 1 ? " (an inpainting model)" : "",
           ", txt2img and img2img need the ", vae.latent_channels, " of the autoencoder");
}

StableDiffusion::StableDiffusion(const ModelFolder& folder, const LoadOptions& options,
                                 const Placement& placement, Observer& observer)
    : placement_(placement),
      vae_config_(read_autoencoder_kl_config(component_folder(folder, "vae", {"AutoencoderKL"}) /
                                             "config.json")),
      scheduler_(read_scheduler(folder)),
      tokenizer_(component_folder(folder, "tokenizer", {"CLIPTokenizer", "CLIPTokenizerFast"})),
      text_encoder_([placement, part = find_component(folder, "text_encoder", {"CLIPTextModel"},
                                                      {"model", options.variant}, observer)] {
        WeightStore weights(part.weights);
        return load_clip_text_encoder(part.config, weights, placement, ClipTextHead::kNone);
      }),
      unet_([placement,
             part = find_component(folder, "unet", {"UNet2DConditionModel"},
                                   {"diffusion_pytorch_model", options.variant}, observer)] {
        WeightStore weights(part.weights);
        return load_unet(part.config, weights, placement);
      }),
      vae_([placement, memory = VaeMemory{options.vae_slicing, options.vae_tiling},
            part = find_component(folder, "vae", {"AutoencoderKL"},
                                  {"diffusion_pytorch_model", options.variant}, observer)] {
        WeightStore weights(part.weights);
        auto vae = load_autoencoder_kl(part.config, weights, placement);
        vae->set_memory(memory);
        return vae;
      }) {
  const UNetConfig unet = read_unet_config(folder.path / "unet" / "config.json");
  check_channels(folder, unet, vae_config_);
  defaults_.width = trained_side(folder, unet.sample_width, latent_factor());
  defaults_.height = trained_side(folder, unet.sample_height, latent_factor());
  if (options.low_memory) return;
  text_encoder_.get();
  unet_.get();
  vae_.get();
}

at::Tensor StableDiffusion::encode_prompt(const std::string& prompt, int clip_skip,
                                          Observer& observer) {
  ClipTextEncoder& encoder = text_encoder_.get();
  const int64_t positions = encoder.config().max_positions;
  const int64_t length = tokenizer_.model_max_length().value_or(positions);
  const TokenizedPrompt tokens = tokenizer_.tokenize(prompt, std::min(length, positions));
  if (!tokens.truncated_text.empty()) {
    observer.on_warning(concat_text("The prompt is longer than the ", std::min(length, positions),
                                    " tokens of the text encoder; this was cut: \"",
                                    tokens.truncated_text, "\""));
  }
  const at::Tensor ids = at::tensor(tokens.ids, at::kLong).unsqueeze(0);
  return encoder.encode(ids, {.states = {skipped_state(encoder.config(), clip_skip)}}).states[0];
}

Conditioning StableDiffusion::encode(const std::vector<Request>& batch, Guidance guidance,
                                     Observer& observer) {
  // Each distinct prompt once, and alone: so a row's bits do not depend on its batch.
  std::map<std::pair<std::string, int>, at::Tensor> encoded;
  auto row = [&](const std::string& prompt, int clip_skip) {
    at::Tensor& states = encoded[{prompt, clip_skip}];
    if (!states.defined()) states = encode_prompt(prompt, clip_skip, observer);
    return states;
  };
  std::vector<at::Tensor> rows;
  if (guidance == Guidance::kOn) {  // the negative prompt keeps all layers, as in diffusers
    for (const Request& request : batch) rows.push_back(row(request.negative_prompt, 0));
  }
  for (const Request& request : batch) rows.push_back(row(request.prompt, request.clip_skip));
  Conditioning conditioning;
  conditioning.text = at::cat(rows);
  return conditioning;
}

}  // namespace

std::unique_ptr<Family> load_stable_diffusion(const ModelFolder& folder, const LoadOptions& options,
                                              const Placement& placement, Observer& observer) {
  return std::make_unique<StableDiffusion>(folder, options, placement, observer);
}

}  // namespace sd
