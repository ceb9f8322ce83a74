#include "models/autoencoder_part.h"

#include <utility>

#include "core/check.h"
#include "models/weight_bytes.h"
#include "vae/vae_memory.h"
#include "vae/vae_work.h"

namespace sd {

AutoencoderPart::AutoencoderPart(ComponentPaths paths, const LoadOptions& options,
                                 const Placement& placement)
    : paths_(std::move(paths)),
      placement_(placement),
      config_(read_autoencoder_kl_config(paths_.config)),
      memory_{options.vae_slicing, options.vae_tiling},
      network_([paths = paths_, placement, memory = memory_] {
        WeightStore weights(paths.weights);
        auto network = load_autoencoder_kl(paths.config, weights, placement);
        network->set_memory(memory);
        return network;
      }) {
  SD_CHECK(config_.in_channels == 3 && config_.out_channels == 3, ErrorKind::kModel,
           paths_.config.string(), ": 'in_channels' and 'out_channels' should be 3, found ",
           config_.in_channels, " and ", config_.out_channels);
}

double AutoencoderPart::weight_bytes() const {
  return sd::weight_bytes(WeightStore(paths_.weights), placement_);
}

double AutoencoderPart::least_decode_memory(int64_t images, int64_t h, int64_t w) const {
  return sd::least_decode_memory(config_, memory_, placement_, images, h, w);
}

std::vector<GridWork> AutoencoderPart::decode_work(int64_t images, int64_t h, int64_t w) const {
  return sd::decode_work(config_, WeightStore(paths_.weights), images, h, w);
}

}  // namespace sd
