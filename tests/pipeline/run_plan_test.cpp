#include "pipeline/run_plan.h"

#include <cmath>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/check.h"
#include "diffusion/registry.h"
#include "tests/support/errors.h"

namespace sd {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A family without networks: what planning may ask for.
class Shapes : public Family {
 public:
  FamilyDefaults defaults() const override {
    return {.width = 64, .height = 48, .steps = 30, .img2img_steps = 40, .strength = 0.6};
  }
  int size_multiple() const override { return 8; }
  int largest_side() const override { return 2048; }
  StrengthRule strength_rule() const override { return StrengthRule::kWholeSteps; }
  std::optional<int64_t> image_tokens(int64_t, int64_t) const override { return {}; }
  std::string t5_name() const override { return ""; }
  int latent_factor() const override { return 8; }
  int64_t latent_channels() const override { return 4; }
  const SchedulerConfig& scheduler_config() const override { return config_; }
  bool learns_variance() const override { return false; }
  PixelSize nearest_size(const Request& request, PixelSize wanted) const override {
    return request.resolution_binning.value_or(false) ? PixelSize{96, 72} : wanted;
  }
  Conditioning encode(const std::vector<Request>&, Guidance, PixelSize, Observer&) override {
    return {};
  }
  void check(const Request& request) const override {
    SD_CHECK(request.clip_skip < 3, ErrorKind::kUsage, "--clip-skip: the family's own check");
  }
  void encode_ahead(const std::vector<Request>&, Observer&) override {}
  Denoiser& denoiser() override { throw std::logic_error("no network"); }
  AutoencoderKl& autoencoder() override { throw std::logic_error("no network"); }
  double least_memory(int64_t, Guidance, int64_t, int64_t) const override { return 0; }
  FamilyNeeds needs(int64_t, Guidance, int64_t, int64_t) const override { return {}; }
  std::optional<std::string> find_broken_weight() const override { return {}; }
  void load_weights() override {}
  void release_text() override {}
  void release_denoiser() override {}
  void release_autoencoder() override {}

 private:
  SchedulerConfig config_ =
      read_scheduler_config(ConfigReader::from_text(R"({"_class_name":"DDIMScheduler"})", "test"));
};

TEST(RunPlan, TakesTheFamilysDefaults) {
  const auto plans = plan_runs({Request{}}, Shapes());
  ASSERT_EQ(plans.size(), 1);
  EXPECT_EQ(plans[0].width, 64);
  EXPECT_EQ(plans[0].height, 48);
  EXPECT_EQ(plans[0].guidance, Guidance::kOn);
  ASSERT_EQ(plans[0].parts.size(), 1);
  EXPECT_EQ(plans[0].parts[0].steps, 30);
  EXPECT_EQ(sampler_name(plans[0].parts[0].scheduler), "ddim");
}

TEST(RunPlan, SizeAndGuidanceMakeABatchAndASchedulerAPartOfIt) {
  std::vector<Request> requests(6);
  requests[0].seed = 1;
  requests[1].prompt = "another";
  requests[1].scale = 3;
  requests[2].steps = 7;
  requests[3].scale = 1;  // no guidance: half the rows
  requests[4].sampler = "euler";
  requests[5].width = 72;
  const auto plans = plan_runs(requests, Shapes());
  ASSERT_EQ(plans.size(), 3);
  ASSERT_EQ(plans[0].parts.size(), 3);
  EXPECT_EQ(plans[0].images(), 4);
  EXPECT_THAT(plans[0].parts[0].indices, ElementsAre(0, 1));
  EXPECT_THAT(plans[0].parts[1].indices, ElementsAre(2));
  EXPECT_EQ(plans[0].parts[1].steps, 7);
  EXPECT_THAT(plans[0].parts[2].indices, ElementsAre(4));
  EXPECT_EQ(sampler_name(plans[0].parts[2].scheduler), "euler");
  EXPECT_EQ(plans[1].guidance, Guidance::kOff);
  EXPECT_THAT(plans[1].parts[0].indices, ElementsAre(3));
  EXPECT_EQ(plans[2].width, 72);
}

TEST(RunPlan, SkipLayerGuidanceMakesAPartAndTheLengthOfTheTextABatch) {
  std::vector<Request> requests(6);
  requests[1].skip_layers.layers = {7, 8};
  requests[2].skip_layers.layers = {7, 8};
  requests[3].skip_layers = {.layers = {7, 8}, .stop = 0.5};
  requests[4].skip_layers.scale = 5;  // of no layers
  requests[5].max_sequence_length = 77;
  const auto plans = plan_runs(requests, Shapes());
  ASSERT_EQ(plans.size(), 2);
  ASSERT_EQ(plans[0].parts.size(), 3);
  EXPECT_THAT(plans[0].parts[0].indices, ElementsAre(0, 4));
  EXPECT_THAT(plans[0].parts[1].indices, ElementsAre(1, 2));
  EXPECT_THAT(plans[0].parts[2].indices, ElementsAre(3));
  EXPECT_THAT(plans[1].parts[0].indices, ElementsAre(5));
}

TEST(RunPlan, RotaryPositionsAndRoundingMakeABatchTheVarianceAPart) {
  std::vector<Request> requests(5);
  for (Request& request : requests) request.sampler = "ddpm";
  requests[1].rope_grid = "original";
  requests[2].rounded_times = true;
  requests[3].variance = "fixed_large";
  requests[4].original_size = {640, 480};  // a row's own
  const auto plans = plan_runs(requests, Shapes());
  ASSERT_EQ(plans.size(), 3);
  ASSERT_EQ(plans[0].parts.size(), 2);
  EXPECT_THAT(plans[0].parts[0].indices, ElementsAre(0, 4));
  EXPECT_THAT(plans[0].parts[1].indices, ElementsAre(3));
  EXPECT_EQ(plans[0].parts[1].scheduler.get_string("variance_type"), "fixed_large");
  EXPECT_THAT(plans[1].parts[0].indices, ElementsAre(1));
  EXPECT_THAT(plans[2].parts[0].indices, ElementsAre(2));
}

TEST(RunPlan, TheFamilyMayPaintAnotherSize) {
  Request request;
  request.resolution_binning = true;
  request.width = 93;  // no multiple of 8
  EXPECT_EQ(plan_runs({request}, Shapes())[0].width, 96);
  EXPECT_EQ(plan_runs({request}, Shapes())[0].height, 72);
  request.width = {};
  request.init_latents = Latents{{4, 3, 5}, std::vector<float>(60)};
  EXPECT_EQ(plan_runs({request}, Shapes())[0].width, 40) << "latents keep theirs";
}

TEST(RunPlan, StrengthMattersOnlyWithAnInput) {
  std::vector<Request> requests(2);
  requests[0].strength = 0.1;
  EXPECT_EQ(plan_runs(requests, Shapes())[0].parts.size(), 1);
  for (Request& request : requests)
    request.init_image = Picture{64, 48, std::vector<uint8_t>(9216)};
  EXPECT_EQ(plan_runs(requests, Shapes())[0].parts.size(), 2);
}

TEST(RunPlan, StepsAndStrengthThatAreNotNamedAreTheFamilys) {
  std::vector<Request> requests(4);
  for (size_t i = 1; i < 4; ++i)
    requests[i].init_image = Picture{64, 48, std::vector<uint8_t>(9216)};
  requests[2].strength = 0.6;
  requests[3].strength = 0.8;
  const RunPlan plan = plan_runs(requests, Shapes()).front();
  ASSERT_EQ(plan.parts.size(), 3);
  EXPECT_EQ(plan.parts[0].steps, 30);
  EXPECT_EQ(plan.parts[1].steps, 40);
  EXPECT_THAT(plan.parts[1].indices, ElementsAre(1, 2));
}

TEST(RunPlan, AnInputsSizeIsRoundedDown) {
  Request request;
  request.init_image = Picture{37, 17, std::vector<uint8_t>(37 * 17 * 3)};
  const auto plans = plan_runs({request}, Shapes());
  EXPECT_EQ(plans[0].width, 32);
  EXPECT_EQ(plans[0].height, 16);
  request.init_image = Picture{37, 7, std::vector<uint8_t>(37 * 7 * 3)};
  EXPECT_THAT(error_of([&] { plan_runs({request}, Shapes()); }, ErrorKind::kInput),
              AllOf(HasSubstr("8x8"), HasSubstr("37x7")));
}

TEST(RunPlan, LatentsDecideTheSize) {
  Request request;
  request.init_latents = Latents{{4, 3, 5}, std::vector<float>(60)};
  EXPECT_EQ(plan_runs({request}, Shapes())[0].width, 40);
  EXPECT_EQ(plan_runs({request}, Shapes())[0].height, 24);
  request.width = 48;
  EXPECT_THAT(error_of([&] { plan_runs({request}, Shapes()); }, ErrorKind::kUsage),
              HasSubstr("40x24"));
  request.width = {};
  request.init_latents->shape = {16, 3, 5};
  EXPECT_THAT(error_of([&] { plan_runs({request}, Shapes()); }, ErrorKind::kInput),
              AllOf(HasSubstr("expected 4 channels"), HasSubstr("found 16")));
}

struct BadRequest {
  const char* name;
  std::function<void(Request&)> spoil;
  const char* message;
};

void PrintTo(const BadRequest& bad, std::ostream* out) { *out << bad.name; }

class BadRequests : public ::testing::TestWithParam<BadRequest> {};

TEST_P(BadRequests, AreRefusedByFlag) {
  Request request;
  GetParam().spoil(request);
  expect_error([&] { plan_runs({request}, Shapes()); }, ErrorKind::kUsage, GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Flags, BadRequests,
    ::testing::Values(
        BadRequest{"OddWidth", [](Request& r) { r.width = 65; },
                   "--width: expected a multiple of 8 from 8 to 2048, the most that this model has "
                   "positions for, found 65; the nearest are 64 and 72"},
        BadRequest{"SmallWidth", [](Request& r) { r.width = 3; }, "found 3; the nearest is 8"},
        BadRequest{"NoHeight", [](Request& r) { r.height = 0; }, "--height"},
        BadRequest{"HugeHeight", [](Request& r) { r.height = 2056; }, "from 8 to 2048"},
        BadRequest{"Strength", [](Request& r) { r.strength = 1.01; }, "--strength"},
        BadRequest{"StrengthNan", [](Request& r) { r.strength = NAN; }, "--strength"},
        BadRequest{"ScaleInfinite", [](Request& r) { r.scale = INFINITY; }, "--scale"},
        BadRequest{"Eta", [](Request& r) { r.eta = -1; }, "--eta"},
        BadRequest{"EtaOfEuler",
                   [](Request& r) {
                     r.eta = 1;
                     r.sampler = "euler";
                   },
                   "the sampler is euler"},
        BadRequest{"ClipSkip", [](Request& r) { r.clip_skip = 3; }, "the family's own check"},
        BadRequest{"UnknownSampler", [](Request& r) { r.sampler = "magic"; }, "magic"},
        BadRequest{
            "Variance",
            [](Request& r) {
              r.variance = "small";
              r.sampler = "ddpm";
            },
            "--variance: expected fixed_small, fixed_small_log, fixed_large or learned_range, "
            "found 'small'"},
        BadRequest{"VarianceOfDdim", [](Request& r) { r.variance = "fixed_large"; },
                   "only the sampler ddpm has a choice of it, the sampler is ddim"},
        BadRequest{"VarianceThatNobodyLearned",
                   [](Request& r) {
                     r.variance = "learned_range";
                     r.sampler = "ddpm";
                   },
                   "the network of this model learned no variance"},
        BadRequest{"TwoStarts",
                   [](Request& r) {
                     r.init_image = Picture{8, 8, std::vector<uint8_t>(192)};
                     r.init_latents = Latents{{4, 1, 1}, std::vector<float>(4)};
                   },
                   "only one of them"}),
    [](const auto& test) { return test.param.name; });

// By construction, so that it holds whatever the CPU's libraries do.
TEST(RunPlan, OnTheCpuInFloat32EveryImageIsARunOfItsOwn) {
  std::vector<Request> requests(3);
  requests[1].steps = 7;
  const std::vector<RunPlan> plans = plan_runs(requests, Shapes());
  ASSERT_EQ(plans.size(), 1);
  const std::vector<RunPlan> singles = split_for_equal_bits(plans, {at::kCPU, at::kFloat});
  ASSERT_EQ(singles.size(), 3);
  for (const RunPlan& single : singles) ASSERT_EQ(single.parts.size(), 1);
  EXPECT_THAT(singles[0].parts[0].indices, ElementsAre(0));
  EXPECT_THAT(singles[1].parts[0].indices, ElementsAre(2));
  EXPECT_EQ(singles[2].parts[0].steps, 7);
  EXPECT_THAT(singles[2].parts[0].indices, ElementsAre(1));
  EXPECT_EQ(split_for_equal_bits(plans, {at::kCPU, at::kBFloat16}).size(), 1);
  EXPECT_EQ(split_for_equal_bits(plans, {at::Device("cuda:0"), at::kFloat}).size(), 1);
}

}  // namespace
}  // namespace sd
