#include "models/family_base.h"

#include "core/memory.h"
#include "models/weight_bytes.h"

namespace sd {

FamilyNeeds FamilyBase::needs(int64_t images, Guidance guidance, int64_t h, int64_t w) const {
  const WeightStore denoiser = open_denoiser();
  const int64_t rows = rows_of(images, guidance);
  return {.text_weights = text_weights(),
          .denoiser_weights = weight_bytes(denoiser, placement_),
          .autoencoder_weights = vae_.weight_bytes(),
          .call_memory = call_memory(rows, h, w),
          .decode_memory = vae_.least_decode_memory(images, h, w),
          .call = call_work(denoiser, rows, h, w),
          .decode = vae_.decode_work(images, h, w)};
}

std::optional<std::string> FamilyBase::find_broken_weight() const {
  std::vector<const ComponentPaths*> all = text_paths();
  all.push_back(&denoiser_paths());
  all.push_back(&vae_.paths());
  for (const ComponentPaths* part : all) {
    if (auto found = WeightStore(part->weights).find_non_finite()) return found;
  }
  return {};
}

bool FamilyBase::is_short_for_one() const {
  const int factor = latent_factor();
  const FamilyNeeds all =
      needs(1, Guidance::kOn, defaults_.height / factor, defaults_.width / factor);
  return is_short_of_memory(all, available_memory(placement_.device));
}

}  // namespace sd
