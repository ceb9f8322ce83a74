#include "models/family.h"

#include <algorithm>

namespace sd {

bool is_short_of_memory(const FamilyNeeds& needs, std::optional<double> available) {
  const double weights = needs.text_weights + needs.denoiser_weights + needs.autoencoder_weights;
  const double work = kPeakOfLeast * std::max(needs.call_memory, needs.decode_memory);
  return available && *available < weights + work;
}

}  // namespace sd
