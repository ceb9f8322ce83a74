// Family::least_memory against what libtorch's allocator counts, with the model that ships.

#include <gtest/gtest.h>

#include "core/tensor_ops.h"
#include "models/family.h"
#include "models/unet/unet_memory.h"
#include "tests/support/peak_memory.h"
#include "vae/vae_memory.h"

namespace sd {
namespace {

class LeastMemory : public ::testing::Test {
 protected:
  LeastMemory() {
    LoadOptions options;
    options.model = SD_SHIPPED_MODEL;
    family_ = load_family(options, placement_, observer_);
  }

  c10::InferenceMode no_autograd_;
  Observer observer_;
  Placement placement_;
  std::unique_ptr<Family> family_;
};

/// A lower bound, and no idle one: the peak is below twice of it.
void expect_just_above(double peak, double least) {
  EXPECT_GE(peak, least);
  EXPECT_LE(peak, 2 * least);
}

TEST_F(LeastMemory, BoundsTheAutoencoder) {
  AutoencoderKl& vae = family_->autoencoder();
  const at::Tensor latents = at::zeros({1, 4, 48, 64});
  const PeakMemory peak;
  vae.decode(latents);
  expect_just_above(peak.bytes(), least_decode_memory(vae.config(), {}, placement_, 1, 48, 64));
}

TEST_F(LeastMemory, BoundsTheAutoencoderInTiles) {
  AutoencoderKl& vae = family_->autoencoder();
  const VaeMemory tiling{.slicing = false, .tiling = true};
  vae.set_memory(tiling);
  const at::Tensor latents = at::zeros({1, 4, 48, 64});
  const PeakMemory peak;
  vae.decode(latents);
  expect_just_above(peak.bytes(), least_decode_memory(vae.config(), tiling, placement_, 1, 48, 64));
}

TEST_F(LeastMemory, BoundsTheUNet) {
  Denoiser& unet = family_->denoiser();
  Conditioning conditioning;
  conditioning.text = at::zeros({2, 8, 128});
  unet.bind(conditioning, at::tensor({500.0f}));
  const at::Tensor sample = at::zeros({2, 4, 64, 48}).contiguous(at::MemoryFormat::ChannelsLast);
  const PeakMemory peak;
  unet.run(sample, 0);
  const UNetConfig config = read_unet_config(SD_SHIPPED_MODEL "/unet/config.json");
  expect_just_above(peak.bytes(), least_call_memory(config, 2, 64, 48, 4));
}

TEST_F(LeastMemory, OfARunIsThatOfItsHungriestPart) {
  const UNetConfig unet = read_unet_config(SD_SHIPPED_MODEL "/unet/config.json");
  const AutoencoderKlConfig vae = read_autoencoder_kl_config(SD_SHIPPED_MODEL "/vae/config.json");
  EXPECT_EQ(family_->least_memory(1, Guidance::kOn, 64, 48),
            least_decode_memory(vae, {}, placement_, 1, 64, 48));
  EXPECT_EQ(family_->least_memory(9, Guidance::kOn, 64, 48),  // the CPU decodes one at a time
            least_call_memory(unet, 18, 64, 48, 4));
  EXPECT_EQ(family_->least_memory(18, Guidance::kOff, 64, 48),
            least_call_memory(unet, 18, 64, 48, 4));
}

}  // namespace
}  // namespace sd
