#include "models/sd3/sd3.h"

#include "core/check.h"
#include "core/config_limits.h"
#include "models/family_base.h"
#include "models/folder_scheduler.h"
#include "models/lazy.h"
#include "models/request_checks.h"
#include "models/sd3/sd3_needs.h"
#include "models/sd3/sd3_text.h"
#include "models/sd3/sd3_transformer.h"

namespace sd {
namespace {

class StableDiffusion3 : public FamilyBase {
 public:
  StableDiffusion3(const ModelFolder& folder, const LoadOptions& options,
                   const Placement& placement, Observer& observer);

  int size_multiple() const override {
    return latent_factor() * static_cast<int>(config_.patch_size);
  }
  int largest_side() const override {
    return static_cast<int>(config_.max_patches) * size_multiple();
  }
  StrengthRule strength_rule() const override { return StrengthRule::kFractional; }
  std::optional<int64_t> image_tokens(int64_t h, int64_t w) const override {
    return (h / config_.patch_size) * (w / config_.patch_size);
  }
  std::string t5_name() const override { return text_.t5_name(); }
  void check(const Request& request) const override;

  Conditioning encode(const std::vector<Request>& batch, Guidance guidance, PixelSize size,
                      Observer& observer) override;
  void encode_ahead(const std::vector<Request>& requests, Observer& observer) override;
  Denoiser& denoiser() override { return transformer_.get(); }

  void load_weights() override;
  void release_text() override { text_.release(); }
  void release_denoiser() override { transformer_.release(); }

 protected:
  const ComponentPaths& denoiser_paths() const override { return transformer_paths_; }
  std::vector<const ComponentPaths*> text_paths() const override { return text_.paths(); }
  double text_weights() const override { return text_.weight_bytes(); }
  double call_memory(int64_t rows, int64_t h, int64_t w) const override {
    return least_call_memory(config_, tokens_of(rows, h, w), element_size());
  }
  std::vector<GridWork> call_work(const WeightStore& denoiser, int64_t rows, int64_t h,
                                  int64_t w) const override {
    return sd::call_work(config_, denoiser, tokens_of(rows, h, w));
  }

 private:
  Sd3Tokens tokens_of(int64_t rows, int64_t h, int64_t w) const;
  ModelFeatures features() const;

  ComponentPaths transformer_paths_;
  Sd3Config config_;
  Sd3Text text_;
  Lazy<Sd3Transformer> transformer_;
};

/// Do the networks fit together?
void check_widths(const std::string& file, const Sd3Config& config, const AutoencoderPart& vae,
                  const Sd3Text& text) {
  const int64_t channels = vae.config().latent_channels;
  const auto check_channels = [&](int64_t found, const char* key) {
    SD_CHECK(found == channels, ErrorKind::kModel, file, ": '", key, "' should be the ", channels,
             " of the autoencoder, found ", found);
  };
  check_channels(config.in_channels, "in_channels");
  check_channels(config.out_channels, "out_channels");
  SD_CHECK(text.pooled_width() == config.pooled_width, ErrorKind::kModel, file,
           ": 'pooled_projection_dim' should be the 'projection_dim' of both CLIP text encoders ",
           "together, ", text.pooled_width(), ", found ", config.pooled_width);
  SD_CHECK(vae.config().shift_factor.has_value(), ErrorKind::kModel, vae.paths().config.string(),
           ": 'shift_factor' should be given, as that of every model of this family is");
}

StableDiffusion3::StableDiffusion3(const ModelFolder& folder, const LoadOptions& options,
                                   const Placement& placement, Observer& observer)
    : FamilyBase(find_diffusers_part(folder, {"vae", "AutoencoderKL"}, options, observer),
                 load_folder_scheduler(folder, observer), options, placement),
      transformer_paths_(
          find_diffusers_part(folder, {"transformer", "SD3Transformer2DModel"}, options, observer)),
      config_(read_sd3_config(transformer_paths_.config)),
      text_(folder, options, placement, config_.text_width, observer),
      transformer_([this] {
        WeightStore weights(transformer_paths_.weights);
        return load_sd3_transformer(config_, weights, placement_);
      }) {
  check_features(options, features());
  const std::string file = transformer_paths_.config.string();
  check_widths(file, config_, vae_, text_);
  const int64_t side = config_.sample_size * vae_.factor();
  SD_CHECK(side <= kPixelsRange.most, ErrorKind::kModel, file, ": 'sample_size' should be at most ",
           kPixelsRange.most / vae_.factor(), " with this autoencoder, found ",
           config_.sample_size);
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

Sd3Tokens StableDiffusion3::tokens_of(int64_t rows, int64_t h, int64_t w) const {
  constexpr int64_t kClipTokens = 77;
  return {.rows = rows,
          .h = h / config_.patch_size,
          .w = w / config_.patch_size,
          .text = kClipTokens + Sd3Text::kDefaultLength};
}

/// T5 is the largest part by far, and idle once the prompts are encoded: where not all parts and a
/// picture of the usual size fit into memory, each text encoder is there for its prompts alone, and
/// the other parts are loaded after them.
void StableDiffusion3::load_weights() {
  if (is_short_for_one()) {
    text_.release_after_use();
    return;
  }
  text_.load();
  transformer_.get();
  vae_.get();
}

Conditioning StableDiffusion3::encode(const std::vector<Request>& batch, Guidance guidance,
                                      PixelSize /*size*/, Observer& observer) {
  return text_.encode(batch, guidance, observer);
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
