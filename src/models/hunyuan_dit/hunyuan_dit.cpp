#include "models/hunyuan_dit/hunyuan_dit.h"

#include <utility>

#include "core/check.h"
#include "core/config_limits.h"
#include "core/device.h"
#include "core/tensor_ops.h"
#include "jobs/request_limits.h"
#include "models/family_base.h"
#include "models/folder_scheduler.h"
#include "models/hunyuan_dit/hunyuan_dit_files.h"
#include "models/hunyuan_dit/hunyuan_dit_needs.h"
#include "models/hunyuan_dit/hunyuan_dit_text.h"
#include "models/hunyuan_dit/hunyuan_dit_transformer.h"
#include "models/hunyuan_dit/resolution_binning.h"
#include "models/hunyuan_dit/rotary_positions.h"
#include "models/lazy.h"
#include "models/request_checks.h"

namespace sd {
namespace {

class HunyuanDit : public FamilyBase {
 public:
  HunyuanDit(HunyuanDitFiles files, const LoadOptions& options, const Placement& placement,
             Observer& observer);

  int size_multiple() const override {
    return latent_factor() * static_cast<int>(files_.config.patch_size);
  }
  int largest_side() const override { return kMaxSide; }
  std::string t5_name() const override { return dtype_name(text_.t5_placement()); }
  bool learns_variance() const override { return files_.config.learns_variance; }
  PixelSize nearest_size(const Request& request, PixelSize wanted) const override {
    return bins(request) ? nearest_standard_size(wanted) : wanted;
  }
  void check(const Request& request) const override {
    check_features(request, features());
    SD_CHECK(request.clip_skip == 0, ErrorKind::kUsage,
             "--clip-skip: the text encoders of this model always give their last state, found ",
             request.clip_skip);
  }

  Conditioning encode(const std::vector<Request>& batch, Guidance guidance, PixelSize size,
                      Observer& observer) override;
  void encode_ahead(const std::vector<Request>& requests, Observer& observer) override {
    text_.encode_ahead(requests, defaults_.scale, observer);
  }
  Denoiser& denoiser() override { return transformer_.get(); }

  void load_weights() override;
  void release_text() override { text_.release(); }
  void release_denoiser() override { transformer_.release(); }

 protected:
  const ComponentPaths& denoiser_paths() const override { return files_.transformer; }
  WeightStore open_denoiser() const override { return open_transformer(files_); }
  std::vector<const ComponentPaths*> text_paths() const override { return text_.paths(); }
  double text_weights() const override { return text_.weight_bytes(); }
  double call_memory(int64_t rows, int64_t h, int64_t w) const override {
    return least_call_memory(files_.config, tokens_of(rows, h, w), element_size());
  }
  std::vector<GridWork> call_work(const WeightStore& denoiser, int64_t rows, int64_t h,
                                  int64_t w) const override {
    return sd::call_work(files_.config, denoiser, tokens_of(rows, h, w));
  }

 private:
  HunyuanDitTokens tokens_of(int64_t rows, int64_t h, int64_t w) const {
    return {.rows = rows, .h = h / files_.config.patch_size, .w = w / files_.config.patch_size};
  }
  bool is_told_of_sizes() const { return files_.config.meta == PictureMeta::kSizesAndStyle; }
  bool bins(const Request& request) const {
    return request.resolution_binning.value_or(bins_by_default_);
  }
  ModelFeatures features() const;
  void tell_of_sizes(const std::vector<Request>& batch, PixelSize size, Observer& observer) const;
  at::Tensor time_ids(const std::vector<Request>& batch, Guidance guidance, PixelSize size) const;

  HunyuanDitFiles files_;
  bool bins_by_default_ = false;
  HunyuanDitText text_;
  Lazy<HunyuanDitTransformer> transformer_;
};

/// Do the networks fit together?
void check_widths(const HunyuanDitFiles& files, const AutoencoderKlConfig& vae) {
  SD_CHECK(files.config.in_channels == vae.latent_channels, ErrorKind::kModel,
           files.transformer.config.string(), ": 'in_channels' should be the ", vae.latent_channels,
           " of the autoencoder, found ", files.config.in_channels);
  constexpr int64_t kFactor = 8;  // the rotary positions are those of 512 / 8 cells
  SD_CHECK(vae.scale_factor() == kFactor, ErrorKind::kModel, files.vae.config.string(),
           ": the autoencoder should make a latent cell of ", kFactor, "x", kFactor,
           " pixels, found ", vae.scale_factor(), "x", vae.scale_factor());
}

HunyuanDit::HunyuanDit(HunyuanDitFiles files, const LoadOptions& options,
                       const Placement& placement, Observer& observer)
    : FamilyBase(files.vae, files.scheduler, options, placement),
      files_(std::move(files)),
      text_(make_bert_part({files_.bert, files_.bert_tokenizer, placement}, files_.bert_flavor),
            make_t5_part({files_.t5, files_.t5_tokenizer, t5_placement(options, placement)},
                         files_.t5_flavor),
            files_.config, options, placement),
      transformer_([this] {
        WeightStore weights = open_denoiser();
        return load_hunyuan_dit_transformer(files_.config, weights, placement_);
      }) {
  check_features(options, features());
  check_widths(files_, vae_.config());
  const int64_t side = files_.config.sample_size * vae_.factor();
  SD_CHECK(side <= kPixelsRange.most, ErrorKind::kModel, files_.transformer.config.string(),
           ": 'sample_size' should be at most ", kPixelsRange.most / vae_.factor(),
           " with this autoencoder, found ", files_.config.sample_size);
  const PixelSize own{static_cast<int>(side), static_cast<int>(side)};
  bins_by_default_ = is_standard_size(own);
  observer.on_note(concat_text("resolution binning is ", bins_by_default_ ? "on" : "off",
                               " by default: the model's own ", own.width, "x", own.height, " is ",
                               bins_by_default_ ? "" : "not ", "among its sizes"));
  defaults_ = {.width = own.width,
               .height = own.height,
               .steps = 50,
               .img2img_steps = 50,
               .scale = 5,
               .strength = 0.8};
}

ModelFeatures HunyuanDit::features() const {
  return {.t5 = T5Support::kNeeded,
          .has_sizes = is_told_of_sizes(),
          .has_rope = true,
          .has_binning = true};
}

/// Where another size is painted than was asked for.
void HunyuanDit::tell_of_sizes(const std::vector<Request>& batch, PixelSize size,
                               Observer& observer) const {
  for (const Request& request : batch) {
    const std::optional<Picture>& input = request.init_image;
    const PixelSize wanted{request.width.value_or(input ? input->width : size.width),
                           request.height.value_or(input ? input->height : size.height)};
    if (!bins(request) || wanted == size) continue;
    observer.on_warning(concat_text("a picture of ", wanted.width, "x", wanted.height,
                                    " becomes one of ", size.width, "x", size.height,
                                    ", the nearest size that the model was trained on; ",
                                    "--no-resolution-binning keeps it"));
    return;
  }
}

/// Original height and width, target height and width, top and left of the crop [N, 6].
at::Tensor HunyuanDit::time_ids(const std::vector<Request>& batch, Guidance guidance,
                                PixelSize size) const {
  constexpr PixelSize kOriginal{1024, 1024};  // the default of diffusers, whatever the size
  std::vector<float> ids;
  for (const Request& request : batch) {
    const PixelSize original = request.original_size.value_or(kOriginal);
    const PixelSize target = request.target_size.value_or(size);
    const CropCorner crop = request.crop.value_or(CropCorner());
    for (const int number :
         {original.height, original.width, target.height, target.width, crop.top, crop.left}) {
      ids.push_back(static_cast<float>(number));
    }
  }
  const at::Tensor rows = at::tensor(ids, at::kFloat).view({-1, 6}).to(placement_.device);
  return guidance == Guidance::kOn ? at::cat({rows, rows}) : rows;
}

Conditioning HunyuanDit::encode(const std::vector<Request>& batch, Guidance guidance,
                                PixelSize size, Observer& observer) {
  tell_of_sizes(batch, size, observer);
  Conditioning conditioning = text_.encode(batch, guidance, observer);
  if (is_told_of_sizes()) conditioning.time_ids = time_ids(batch, guidance, size);
  const int multiple = size_multiple();
  const RotaryShape shape{.h = size.height / multiple,
                          .w = size.width / multiple,
                          .head_width = files_.config.head_width,
                          .patch_size = files_.config.patch_size};
  const RopeGrid grid =
      batch[0].rope_grid == "original" ? RopeGrid::kOriginal : RopeGrid::kDiffusers;
  conditioning.rope = rotary_positions(shape, grid).to(placement_.device);
  conditioning.rounded_times = batch[0].rounded_times;
  return conditioning;
}

/// mT5 is as large as the transformer, and idle once the prompts are encoded.
void HunyuanDit::load_weights() {
  if (is_short_for_one()) {
    text_.release_after_use();
    return;
  }
  text_.load();
  transformer_.get();
  vae_.get();
}

}  // namespace

std::unique_ptr<Family> load_hunyuan_dit(const ModelFolder& folder, const LoadOptions& options,
                                         const Placement& placement, Observer& observer) {
  return std::make_unique<HunyuanDit>(find_hunyuan_dit_files(folder, options, observer), options,
                                      placement, observer);
}

}  // namespace sd
