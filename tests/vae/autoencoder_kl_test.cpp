#include "vae/autoencoder_kl.h"

#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/errors.h"
#include "tests/support/golden.h"
#include "tests/support/weight_files.h"
#include "vae/autoencoder_kl_network.h"

namespace sd {
namespace {

using testing::all_near;
using ::testing::AllOf;
using testing::Golden;
using ::testing::HasSubstr;
using testing::Tensors;

constexpr double kTolerance = 2e-5;

/// The networks are too small to share out.
const bool kOneThread = (at::set_num_threads(1), true);

std::filesystem::path data_path(const std::string& name) {
  return testing::data_path("vae/" + name);
}

std::unique_ptr<AutoencoderKl> load(const std::string& network, WeightStore weights) {
  return load_autoencoder_kl(data_path(network + ".json"), weights, {});
}

std::unique_ptr<AutoencoderKl> load(const std::string& network) {
  return load(network, WeightStore({data_path(network + ".safetensors")}));
}

/// Recorded inputs and outputs of one call.
class Case {
 public:
  Case(const std::string& network, std::string name)
      : golden_("vae/" + network + ".io.safetensors"), name_(std::move(name)) {}

  at::Tensor operator[](const std::string& key) { return golden_[name_ + "." + key]; }

 private:
  Golden golden_;
  std::string name_;
};

SeededNoise noise_of(int64_t rows) {
  std::vector<uint64_t> seeds;
  for (int64_t row = 0; row < rows; ++row) seeds.push_back(row);
  return SeededNoise(seeds);
}

struct Run {
  std::string network;
  std::string name;

  friend void PrintTo(const Run& run, std::ostream* out) { *out << run.network << " " << run.name; }
};

class VaeGolden : public ::testing::TestWithParam<Run> {};

TEST_P(VaeGolden, EncodesAsDiffusers) {
  Case c(GetParam().network, GetParam().name);
  const Posterior posterior = load(GetParam().network)->encode(c["image"]);
  EXPECT_TRUE(all_near(posterior.mean, c["mean"], kTolerance));
  EXPECT_TRUE(all_near(posterior.logvar, c["logvar"], kTolerance));
}

TEST_P(VaeGolden, DrawsFromThePosteriorAsDiffusers) {
  Case c(GetParam().network, GetParam().name);
  const Posterior posterior = load(GetParam().network)->encode(c["image"]);
  SeededNoise noise = noise_of(posterior.mean.size(0));
  EXPECT_TRUE(all_near(sample(posterior, noise), c["sample"], kTolerance));
}

TEST_P(VaeGolden, DecodesAsDiffusers) {
  Case c(GetParam().network, GetParam().name);
  const at::Tensor image = load(GetParam().network)->decode(c["latents"]);
  EXPECT_TRUE(all_near(image, c["decoded"], kTolerance));
  EXPECT_TRUE(image.is_contiguous(at::MemoryFormat::ChannelsLast));
}

TEST_P(VaeGolden, ScalesLatentsAsThePipelinesOfDiffusers) {
  Case c(GetParam().network, GetParam().name);
  const AutoencoderKlConfig config =
      read_autoencoder_kl_config(data_path(GetParam().network + ".json"));
  EXPECT_TRUE(at::equal(scale_latents(config, c["latents"]), c["scaled"]));
  EXPECT_TRUE(at::equal(unscale_latents(config, c["latents"]), c["unscaled"]));
}

INSTANTIATE_TEST_SUITE_P(Networks, VaeGolden,
                         ::testing::Values(Run{"sd", "plain0"}, Run{"sd", "plain1"},
                                           Run{"sd3", "plain0"}, Run{"statistics", "plain0"},
                                           Run{"one_level", "plain0"}));

TEST(Vae, LogarithmOfTheVarianceIsClamped) {
  Case c("clamped", "plain0");
  const Posterior posterior = load("clamped")->encode(c["image"]);
  EXPECT_TRUE(all_near(posterior.logvar, c["logvar"], kTolerance));
  EXPECT_EQ(at::max(posterior.logvar).item<float>(), 20.0F);
  EXPECT_EQ(at::max(-posterior.logvar).item<float>(), 30.0F);
}

class VaeTiling : public ::testing::TestWithParam<const char*> {};

TEST_P(VaeTiling, EncodesAndDecodesAsDiffusers) {
  Case c("sd", GetParam());
  auto vae = load("sd");
  vae->set_memory({.tiling = true});
  const Posterior posterior = vae->encode(c["image"]);
  EXPECT_TRUE(all_near(posterior.mean, c["mean"], kTolerance));
  EXPECT_TRUE(all_near(posterior.logvar, c["logvar"], kTolerance));
  EXPECT_TRUE(all_near(vae->decode(c["latents"]), c["decoded"], kTolerance));
}

TEST_P(VaeTiling, WithSlicingIsTheSame) {
  Case c("sd", GetParam());
  auto vae = load("sd");
  vae->set_memory({.slicing = true, .tiling = true});
  EXPECT_TRUE(all_near(vae->encode(c["image"]).mean, c["mean"], kTolerance));
  EXPECT_TRUE(all_near(vae->decode(c["latents"]), c["decoded"], kTolerance));
}

INSTANTIATE_TEST_SUITE_P(Sizes, VaeTiling, ::testing::Values("tiled", "narrow"));

TEST(Vae, WhatFitsIntoOneTileIsNotTiled) {
  Case c("sd", "plain0");
  auto vae = load("sd");
  const at::Tensor plain = vae->decode(c["latents"]);
  const at::Tensor mean = vae->encode(c["image"]).mean;
  vae->set_memory({.tiling = true});
  EXPECT_TRUE(at::equal(vae->decode(c["latents"]), plain));
  EXPECT_TRUE(at::equal(vae->encode(c["image"]).mean, mean));
}

TEST(Vae, RefusesTilingWithoutTiles) {
  auto vae = load("sd");
  AutoencoderKlConfig config = vae->config();
  config.sample_size = 3;  // one latent cell
  auto network = std::shared_ptr<AutoencoderKl::Network>(&vae->network(), [](auto*) {});
  AutoencoderKl tiny(config, network, {});
  EXPECT_THAT(error_of([&] { tiny.set_memory({.tiling = true}); }),
              AllOf(HasSubstr("'sample_size' of at least 4"), HasSubstr("found 3")));
}

/// Row `row` of a batch, computed alone, must have the same bits.
TEST(Vae, ARowDoesNotDependOnItsBatch) {
  at::set_num_threads(2);  // work is shared out by the size of the batch
  Case c("sd", "plain0");
  auto vae = load("sd");
  const at::Tensor image = c["image"];
  const at::Tensor latents = c["latents"];
  const Posterior together = vae->encode(image);
  const at::Tensor decoded = vae->decode(latents);
  for (int64_t row = 0; row < 3; ++row) {
    const Posterior alone = vae->encode(image.narrow(0, row, 1));
    EXPECT_TRUE(at::equal(alone.mean, together.mean.narrow(0, row, 1)));
    EXPECT_TRUE(at::equal(alone.logvar, together.logvar.narrow(0, row, 1)));
    EXPECT_TRUE(at::equal(vae->decode(latents.narrow(0, row, 1)), decoded.narrow(0, row, 1)));
  }
  at::set_num_threads(1);
}

TEST(Vae, SlicingEqualsDiffusers) {
  Case c("sd", "plain0");
  auto vae = load("sd");
  vae->set_memory({.slicing = true});
  EXPECT_TRUE(all_near(vae->encode(c["image"]).mean, c["mean"], kTolerance));
  EXPECT_TRUE(all_near(vae->decode(c["latents"]), c["decoded"], kTolerance));
}

class VaeNames : public ::testing::TestWithParam<const char*> {};

TEST_P(VaeNames, ParametersAreExactlyTheTensorsOfTheFile) {
  EXPECT_TRUE(testing::has_exactly_the_tensors(
      load(GetParam())->network(), data_path(std::string(GetParam()) + ".safetensors")));
}

INSTANTIATE_TEST_SUITE_P(Networks, VaeNames,
                         ::testing::Values("sd", "sd3", "statistics", "one_level"));

class VaeRealSize : public ::testing::TestWithParam<const char*> {};

TEST_P(VaeRealSize, HasTheTensorsOfDiffusers) {
  const std::string network = GetParam();
  const testing::Shapes shapes = testing::read_shapes(data_path(network + ".shapes.txt"), 0);
  WeightStore store = testing::sparse_zeros(shapes);
  auto vae = load_autoencoder_kl(data_path(network + ".json"), store, {at::kCPU, at::kHalf});
  EXPECT_EQ(vae->network().named_parameters().size(), shapes.size());
  EXPECT_EQ(vae->config().scale_factor(), 8);
}

INSTANTIATE_TEST_SUITE_P(Networks, VaeRealSize, ::testing::Values("real_sd", "real_sd3"));

/// The weights of "sd" after a change, in a file of their own.
class VaeWeights : public ::testing::Test {
 protected:
  std::unique_ptr<AutoencoderKl> load_changed() { return load("sd", testing::stored(tensors_)); }
  std::string error_of_load() {
    return error_of([&] { load_changed(); });
  }

  Tensors tensors_ = testing::read_tensors(data_path("sd.safetensors"));
};

TEST_F(VaeWeights, AttentionOfEarlyExportsLoads) {
  const std::map<std::string, std::string> old_names = {
      {"to_q", "query"}, {"to_k", "key"}, {"to_v", "value"}, {"to_out.0", "proj_attn"}};
  for (const std::string half : {"encoder", "decoder"}) {
    const std::string prefix = half + ".mid_block.attentions.0.";
    for (const auto& [name, old_name] : old_names) {
      auto weight = tensors_.extract(prefix + name + ".weight");
      tensors_[prefix + old_name + ".weight"] = weight.mapped().unsqueeze(-1).unsqueeze(-1);
      auto bias = tensors_.extract(prefix + name + ".bias");
      tensors_[prefix + old_name + ".bias"] = bias.mapped();
    }
  }
  Case c("sd", "plain0");
  auto vae = load_changed();
  EXPECT_TRUE(all_near(vae->encode(c["image"]).mean, c["mean"], kTolerance));
  EXPECT_TRUE(all_near(vae->decode(c["latents"]), c["decoded"], kTolerance));
}

TEST_F(VaeWeights, OldAndNewAttentionTogetherAreRefused) {
  tensors_["encoder.mid_block.attentions.0.query.bias"] =
      tensors_.at("encoder.mid_block.attentions.0.to_q.bias");
  EXPECT_THAT(error_of_load(), HasSubstr("encoder.mid_block.attentions.0.to_q.bias"));
}

TEST_F(VaeWeights, MissingTensorIsNamed) {
  tensors_.erase("decoder.up_blocks.0.upsamplers.0.conv.weight");
  EXPECT_THAT(error_of_load(), HasSubstr("decoder.up_blocks.0.upsamplers.0.conv.weight"));
}

TEST_F(VaeWeights, MissingAttentionIsNamed) {
  tensors_.erase("encoder.mid_block.attentions.0.to_v.weight");
  EXPECT_THAT(error_of_load(), HasSubstr("encoder.mid_block.attentions.0.to_v.weight"));
}

TEST_F(VaeWeights, MisshapenTensorIsNamed) {
  at::Tensor& weight = tensors_.at("encoder.down_blocks.1.resnets.0.conv_shortcut.weight");
  weight = weight.flatten(1);
  EXPECT_THAT(error_of_load(),
              AllOf(HasSubstr("encoder.down_blocks.1.resnets.0.conv_shortcut.weight"),
                    HasSubstr("[8, 4, 1, 1]"), HasSubstr("[8, 4]")));
}

TEST_F(VaeWeights, LeftOverTensorIsNamed) {
  tensors_["encoder.down_blocks.0.attentions.0.to_q.bias"] = at::zeros({4}, at::kHalf);
  EXPECT_THAT(error_of_load(), HasSubstr("encoder.down_blocks.0.attentions.0.to_q.bias"));
}

}  // namespace
}  // namespace sd
