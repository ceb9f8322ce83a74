// What a plan says of time and memory: the work against PyTorch's own count, the rest by its sense.

#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <numeric>

#include "models/family.h"
#include "pipeline/diffusion_pipeline.h"

namespace sd {
namespace {

LoadOptions shipped_model() {
  LoadOptions options;
  options.model = SD_SHIPPED_MODEL;
  options.device = "cpu";
  options.dtype = "fp32";
  options.defer_weights = true;
  return options;
}

double operations(const std::vector<GridWork>& work) {
  return std::accumulate(work.begin(), work.end(), 0.0, [](double sum, const GridWork& level) {
    return sum + 2 * level.multiplications;
  });
}

TEST(Needs, CountTheWorkAsPyTorchDoes) {
  Observer observer;
  const auto family = load_family(shipped_model(), {}, observer);
  const auto counts = nlohmann::json::parse(std::ifstream(SD_TEST_DATA "/work.json"));
  ASSERT_EQ(counts.at("unet").size(), 3);
  for (size_t i = 0; i < 3; ++i) {
    const auto& unet = counts.at("unet")[i];
    const FamilyNeeds needs =
        family->needs(unet.at("rows").get<int64_t>(), Guidance::kOff, unet.at("h").get<int64_t>(),
                      unet.at("w").get<int64_t>());
    EXPECT_EQ(operations(needs.call), unet.at("flops").get<double>()) << i;
    EXPECT_EQ(operations(needs.decode), counts.at("vae")[i].at("flops").get<double>()) << i;
  }
}

TEST(Needs, AreOfTheWeightFiles) {
  Observer observer;
  const auto family = load_family(shipped_model(), {}, observer);
  const FamilyNeeds needs = family->needs(1, Guidance::kOn, 8, 8);
  // Half of the file's numbers' size is that of its header and less.
  const auto bytes_of = [](const char* file) {
    return 2 *
           static_cast<double>(std::filesystem::file_size(std::string(SD_SHIPPED_MODEL) + file));
  };
  EXPECT_NEAR(needs.text_weights, bytes_of("/text_encoder/model.safetensors"), 2e5);
  EXPECT_NEAR(needs.denoiser_weights, bytes_of("/unet/diffusion_pytorch_model.safetensors"), 2e5);
  EXPECT_NEAR(needs.autoencoder_weights, bytes_of("/vae/diffusion_pytorch_model.safetensors"), 2e5);
}

class EstimateTest : public ::testing::Test {
 protected:
  static Request request(int steps, int side = 64) {
    Request request;
    request.steps = steps;
    request.width = request.height = side;
    return request;
  }

  Observer observer_;
  DiffusionPipeline pipeline_{shipped_model(), observer_};
};

TEST_F(EstimateTest, GrowsWithTheSteps) {
  const double decode =
      pipeline_.estimate({request(1)}).seconds -
      (pipeline_.estimate({request(2)}).seconds - pipeline_.estimate({request(1)}).seconds);
  EXPECT_GT(decode, 0);
  const double call =
      pipeline_.estimate({request(2)}).seconds - pipeline_.estimate({request(1)}).seconds;
  EXPECT_GT(call, 0);
  EXPECT_NEAR(pipeline_.estimate({request(41)}).seconds, decode + 41 * call, 1e-6);
}

TEST_F(EstimateTest, CountsEveryPicture) {
  const double one = pipeline_.estimate({request(9)}).seconds;
  EXPECT_NEAR(pipeline_.estimate({request(9), request(9), request(9)}).seconds, 3 * one, 1e-9);
}

TEST_F(EstimateTest, CountsTheCallsThatAStrengthLeaves) {
  Request half = request(20);
  half.init_image = Picture{64, 64, {}};
  half.strength = 0.5;
  const double call =
      pipeline_.estimate({request(2)}).seconds - pipeline_.estimate({request(1)}).seconds;
  const double decode = pipeline_.estimate({request(1)}).seconds - call;
  EXPECT_NEAR(pipeline_.estimate({half}).seconds, 10 * call + 2 * decode, 1e-6)
      << "encoding counts as much as decoding";
}

TEST_F(EstimateTest, LargerPicturesTakeMoreMemory) {
  const double small = pipeline_.estimate({request(1)}).memory;
  EXPECT_GT(small, 30e6) << "the weights and the program";
  EXPECT_GT(pipeline_.estimate({request(1, 512)}).memory, small + 100e6);
}

TEST_F(EstimateTest, JudgesAsCheckDoes) {
  EXPECT_THROW(pipeline_.estimate({request(1, 65)}), Error);
}

}  // namespace
}  // namespace sd
