#include "models/sd3/sd3.h"

#include <algorithm>

#include "core/check.h"
#include "core/config_limits.h"
#include "core/memory.h"
#include "core/tensor_ops.h"
#include "diffusion/registry.h"
#include "models/folder_scheduler.h"
#include "models/lazy.h"
#include "models/request_checks.h"
#include "models/sd3/sd3_needs.h"
#include "models/sd3/sd3_text.h"
#include "models/sd3/sd3_transformer.h"
#include "models/weight_bytes.h"
#include "vae/vae_memory.h"
#include "vae/vae_work.h"

namespace sd {
namespace {

/// The files of the networks beside the text encoders.
struct Parts {
  ComponentPaths transformer;
  ComponentPaths vae;
};

class StableDiffusion3 : public Family {
 public:
  StableDiffusion3(const ModelFolder& folder, const LoadOptions& options,
                   const Placement& placement, Observer& observer);

  FamilyDefaults defaults() const override { return defaults_; }
  int size_multiple() const override {
    return latent_factor() * static_cast<int>(config_.patch_size);
  }
  int largest_side() const override {
    return static_cast<int>(config_.max_patches) * size_multiple();
  }
  int latent_factor() const override { return static_cast<int>(vae_config_.scale_factor()); }
  int64_t latent_channels() const override { return vae_config_.latent_channels; }
  const SchedulerConfig& scheduler_config() const override { return scheduler_; }
  StrengthRule strength_rule() const override { return StrengthRule::kFractional; }
  std::optional<int64_t> image_tokens(int64_t h, int64_t w) const override {
    return (h / config_.patch_size) * (w / config_.patch_size);
  }
  std::string t5_name() const override { return text_.t5_name(); }
  void check(const Request& request) const override;

  Conditioning encode(const std::vector<Request>& batch, Guidance guidance,
                      Observer& observer) override;
  void encode_ahead(const std::vector<Request>& requests, Observer& observer) override;
  Denoiser& denoiser() override { return transformer_.get(); }
  AutoencoderKl& autoencoder() override { return vae_.get(); }

  double least_memory(int64_t images, Guidance guidance, int64_t h, int64_t w) const override {
    return std::max(least_call_memory(config_, tokens_of(images, guidance, h, w), element_size()),
                    least_decode_memory(vae_config_, vae_memory_, placement_, images, h, w));
  }
  FamilyNeeds needs(int64_t images, Guidance guidance, int64_t h, int64_t w) const override;
  std::optional<std::string> find_broken_weight() const override;

  void load_weights() override;
  void release_text() override { text_.release(); }
  void release_denoiser() override { transformer_.release(); }
  void release_autoencoder() override { vae_.release(); }

 private:
  int64_t element_size() const { return static_cast<int64_t>(c10::elementSize(placement_.dtype)); }
  Sd3Tokens tokens_of(int64_t images, Guidance guidance, int64_t h, int64_t w) const;
  ModelFeatures features() const;

  Placement placement_;
  Parts parts_;
  Sd3Config config_;
  AutoencoderKlConfig vae_config_;
  VaeMemory vae_memory_;
  FamilyDefaults defaults_;
  SchedulerConfig scheduler_;
  Sd3Text text_;
  Lazy<Sd3Transformer> transformer_;
  Lazy<AutoencoderKl> vae_;
};

Parts find_parts(const ModelFolder& folder, const std::string& variant, Observer& observer) {
  check_variant(folder, variant);
  const WeightFileName diffusers{"diffusion_pytorch_model", variant};
  return {find_component(folder, "transformer", {"SD3Transformer2DModel"}, diffusers, observer),
          find_component(folder, "vae", {"AutoencoderKL"}, diffusers, observer)};
}

/// Do the networks fit together, and is it pictures that they make?
void check_widths(const Parts& parts, const Sd3Config& config, const AutoencoderKlConfig& vae,
                  const Sd3Text& text) {
  const std::string file = parts.transformer.config.string();
  const auto check_channels = [&](int64_t found, const char* key) {
    SD_CHECK(found == vae.latent_channels, ErrorKind::kModel, file, ": '", key, "' should be the ",
             vae.latent_channels, " of the autoencoder, found ", found);
  };
  check_channels(config.in_channels, "in_channels");
  check_channels(config.out_channels, "out_channels");
  SD_CHECK(text.pooled_width() == config.pooled_width, ErrorKind::kModel, file,
           ": 'pooled_projection_dim' should be the 'projection_dim' of both CLIP text encoders ",
           "together, ", text.pooled_width(), ", found ", config.pooled_width);
  SD_CHECK(vae.in_channels == 3 && vae.out_channels == 3, ErrorKind::kModel,
           parts.vae.config.string(), ": 'in_channels' and 'out_channels' should be 3, found ",
           vae.in_channels, " and ", vae.out_channels);
  SD_CHECK(vae.shift_factor.has_value(), ErrorKind::kModel, parts.vae.config.string(),
           ": 'shift_factor' should be given, as that of every model of this family is");
}

StableDiffusion3::StableDiffusion3(const ModelFolder& folder, const LoadOptions& options,
                                   const Placement& placement, Observer& observer)
    : placement_(placement),
      parts_(find_parts(folder, options.variant, observer)),
      config_(read_sd3_config(parts_.transformer.config)),
      vae_config_(read_autoencoder_kl_config(parts_.vae.config)),
      vae_memory_{options.vae_slicing, options.vae_tiling},
      scheduler_(load_folder_scheduler(folder, observer)),
      text_(folder, options, placement, config_.text_width, observer),
      transformer_([this] {
        WeightStore weights(parts_.transformer.weights);
        return load_sd3_transformer(config_, weights, placement_);
      }),
      vae_([this] {
        WeightStore weights(parts_.vae.weights);
        auto vae = load_autoencoder_kl(parts_.vae.config, weights, placement_);
        vae->set_memory(vae_memory_);
        return vae;
      }) {
  check_features(options, features());
  check_widths(parts_, config_, vae_config_, text_);
  const int64_t side = config_.sample_size * vae_config_.scale_factor();
  SD_CHECK(side <= kPixelsRange.most, ErrorKind::kModel, parts_.transformer.config.string(),
           ": 'sample_size' should be at most ", kPixelsRange.most / vae_config_.scale_factor(),
           " with this autoencoder, found ", config_.sample_size);
  defaults_ = {.width = static_cast<int>(side),
               .height = static_cast<int>(side),
               .steps = 28,
               .img2img_steps = 50,
               .scale = 7,
               .strength = 0.6};
}

ModelFeatures StableDiffusion3::features() const {
  return {.prompts = 3,
          .t5 = T5Support::kOptional,
          .lacks_t5 = !text_.has_t5(),
          .most_tokens = Sd3Text::kMostLength,
          .blocks = static_cast<int>(config_.layers)};
}

void StableDiffusion3::check(const Request& request) const {
  check_features(request, features());
  text_.check(request);
}

Sd3Tokens StableDiffusion3::tokens_of(int64_t images, Guidance guidance, int64_t h,
                                      int64_t w) const {
  constexpr int64_t kClipTokens = 77;
  return {.rows = guidance == Guidance::kOn ? 2 * images : images,
          .h = h / config_.patch_size,
          .w = w / config_.patch_size,
          .text = kClipTokens + Sd3Text::kDefaultLength};
}

FamilyNeeds StableDiffusion3::needs(int64_t images, Guidance guidance, int64_t h, int64_t w) const {
  const WeightStore transformer(parts_.transformer.weights);
  const WeightStore vae(parts_.vae.weights);
  const Sd3Tokens tokens = tokens_of(images, guidance, h, w);
  return {.text_weights = text_.weight_bytes(),
          .denoiser_weights = weight_bytes(transformer, placement_),
          .autoencoder_weights = weight_bytes(vae, placement_),
          .call_memory = least_call_memory(config_, tokens, element_size()),
          .decode_memory = least_decode_memory(vae_config_, vae_memory_, placement_, images, h, w),
          .call = call_work(config_, transformer, tokens),
          .decode = decode_work(vae_config_, vae, images, h, w)};
}

std::optional<std::string> StableDiffusion3::find_broken_weight() const {
  std::vector<const ComponentPaths*> all = text_.paths();
  all.push_back(&parts_.transformer);
  all.push_back(&parts_.vae);
  for (const ComponentPaths* part : all) {
    if (auto found = WeightStore(part->weights).find_non_finite()) return found;
  }
  return {};
}

/// T5 is the largest part by far, and idle once the prompts are encoded: where not all parts and a
/// picture of the usual size fit into memory, each text encoder is there for its prompts alone, and
/// the other parts are loaded after them.
void StableDiffusion3::load_weights() {
  const int factor = latent_factor();
  const FamilyNeeds all =
      needs(1, Guidance::kOn, defaults_.height / factor, defaults_.width / factor);
  if (is_short_of_memory(all, available_memory(placement_.device))) {
    text_.release_after_use();
    return;
  }
  text_.load();
  transformer_.get();
  vae_.get();
}

Conditioning StableDiffusion3::encode(const std::vector<Request>& batch, Guidance guidance,
                                      Observer& observer) {
  return text_.encode(batch, guidance == Guidance::kOn, observer);
}

void StableDiffusion3::encode_ahead(const std::vector<Request>& requests, Observer& observer) {
  text_.encode_ahead(requests, defaults_.scale, observer);
}

}  // namespace

std::unique_ptr<Family> load_sd3(const ModelFolder& folder, const LoadOptions& options,
                                 const Placement& placement, Observer& observer) {
  return std::make_unique<StableDiffusion3>(folder, options, placement, observer);
}

}  // namespace sd
