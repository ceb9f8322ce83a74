#include "pipeline/denoise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>

#include "core/tensor_ops.h"
#include "diffusion/registry.h"
#include "tests/support/errors.h"

namespace sd {
namespace {

using ::testing::ElementsAre;

/// A network whose rows know nothing of each other: each depends on its sample, text and time.
class RowByRow : public Denoiser {
 public:
  void bind(const Conditioning& conditioning, const at::Tensor& times) override {
    text_ = conditioning.text;
    times_ = times;
    bound_rows.push_back(text_.size(0));
  }

  at::Tensor run(const at::Tensor& sample, int64_t step) override {
    EXPECT_EQ(sample.size(0), text_.size(0));
    const at::Tensor mean = output(sample, text_, times_[step]);
    // The variance depends on the text, so that the rows of the two halves differ.
    return learns_variance ? at::cat({mean, at::tanh(mean + text_.view({-1, 1, 1, 1}))}, 1) : mean;
  }

  /// Of the last rows; other blocks left out give another output.
  at::Tensor run_without(const at::Tensor& sample, int64_t step,
                         const std::vector<int>& skipped) override {
    const int64_t rows = sample.size(0);
    const auto last = [&](const at::Tensor& x) { return x.narrow(0, x.size(0) - rows, rows); };
    const at::Tensor times = times_[step];
    return output(sample, last(text_), times.dim() == 0 ? times : last(times)) *
           (1 - 0.1 * static_cast<double>(skipped.size()));
  }

  std::vector<int64_t> bound_rows;
  bool learns_variance = false;

 private:
  static at::Tensor output(const at::Tensor& sample, const at::Tensor& text,
                           const at::Tensor& times) {
    const at::Tensor time = times.to(at::kFloat).view({-1, 1, 1, 1}) / 1000;
    return sample * 0.5 + at::sin(sample + text.view({-1, 1, 1, 1})) * (0.1 + time);
  }

  at::Tensor text_;
  at::Tensor times_;
};

/// Images that share a scheduler.
struct Group {
  std::string sampler;
  int steps;
  std::vector<uint64_t> seeds;
  double rescale = 0;
  SkipLayerGuidance skip = {};
  std::string variance = {};
};

/// What the loop makes of the groups in one batch, one part's images after the other's.
std::vector<at::Tensor> paint_together(const std::vector<Group>& groups, RowByRow& network,
                                       Observer& observer, Guidance guidance = Guidance::kOn) {
  c10::InferenceMode no_autograd;
  const SchedulerConfig folder =
      read_scheduler_config(ConfigReader::from_text(R"({"_class_name":"DDIMScheduler"})", "test"));
  std::vector<std::unique_ptr<Scheduler>> schedulers;
  std::vector<std::unique_ptr<SeededNoise>> noises;
  Conditioning conditioning;
  DenoiseTask task{.denoiser = network,
                   .conditioning = conditioning,
                   .placement = {at::kCPU, at::kFloat},
                   .guidance = guidance,
                   .scales = {},
                   .parts = {}};
  std::vector<float> seeds;
  for (const Group& group : groups) {
    schedulers.push_back(
        make_scheduler(swap_scheduler(folder, {group.sampler, "", "", group.variance}), {}));
    noises.push_back(std::make_unique<SeededNoise>(group.seeds));
    schedulers.back()->set_timesteps(group.steps);
    const auto images = static_cast<int64_t>(group.seeds.size());
    task.parts.push_back({.scheduler = *schedulers.back(),
                          .noise = *noises.back(),
                          .latents = noises.back()->normal({images, 4, 3, 5}) *
                                     schedulers.back()->init_noise_sigma(),
                          .steps = group.steps,
                          .guidance_rescale = group.rescale,
                          .skip_layers = group.skip});
    for (const uint64_t seed : group.seeds) seeds.push_back(static_cast<float>(seed));
  }
  const at::Tensor own = at::tensor(seeds);  // text and scale of an image follow its seed
  conditioning.text = guidance == Guidance::kOn ? at::cat({own * 0, own}) : own;
  task.scales = (own + 2).view({-1, 1, 1, 1});
  denoise(task, observer);
  std::vector<at::Tensor> images;
  for (const DenoisePart& part : task.parts) {
    for (int64_t i = 0; i < part.latents.size(0); ++i) images.push_back(part.latents[i].clone());
  }
  return images;
}

const std::vector<Group> kMixed = {{"heun", 5, {1}},          // 9 calls
                                   {"plms", 6, {2, 3}, 0.7},  // 7 calls
                                   {"euler_a", 6, {4}},
                                   {"ddim", 6, {5}},
                                   {"dpmpp_2m", 2, {6, 7}}};

// Of the calls 0 to 5 these work in 2 and 3, in 1 to 4, and in 1 alone.
const std::vector<Group> kSkipping = {{"ddim", 6, {1, 2}, 0, {{7, 8}, 2.5, 0.2, 0.6}},
                                      {"ddim", 6, {3}},
                                      {"euler", 6, {4}, 0.7, {{7}, 1.5, 0.1, 0.8}},
                                      {"ddim", 5, {5, 6}, 0, {{7, 8}, 2.5, 0.1, 0.3}}};

// Every operation above works row by row, so the bits are equal, not just the numbers.
TEST(Denoise, ImagesOfDifferentSamplersAndStepsAreThoseMadeAlone) {
  for (const Guidance guidance : {Guidance::kOn, Guidance::kOff}) {
    Observer observer;
    RowByRow network;
    std::vector<Group> groups = kMixed;
    if (guidance == Guidance::kOff) groups[1].rescale = 0;
    const std::vector<at::Tensor> together = paint_together(groups, network, observer, guidance);
    ASSERT_EQ(together.size(), 7);
    size_t image = 0;
    for (const Group& group : groups) {
      for (const uint64_t seed : group.seeds) {
        RowByRow own;
        const std::vector<at::Tensor> alone = paint_together(
            {{group.sampler, group.steps, {seed}, group.rescale}}, own, observer, guidance);
        EXPECT_TRUE(at::equal(together[image], alone[0])) << group.sampler << ", seed " << seed;
        ++image;
      }
    }
  }
}

TEST(Denoise, ImagesWithAndWithoutSkipLayerGuidanceAreThoseMadeAlone) {
  Observer observer;
  RowByRow network;
  const std::vector<at::Tensor> together = paint_together(kSkipping, network, observer);
  size_t image = 0;
  for (const Group& group : kSkipping) {
    for (const uint64_t seed : group.seeds) {
      Group alone{group.sampler, group.steps, {seed}, group.rescale, group.skip};
      EXPECT_TRUE(at::equal(together[image], paint_together({alone}, network, observer)[0]));
      alone.skip = {};
      const bool is_plain = group.skip.layers.empty();
      EXPECT_EQ(at::equal(together[image], paint_together({alone}, network, observer)[0]),
                is_plain);
      ++image;
    }
  }
}

TEST(Denoise, LearnedVariancesGoToTheSamplersThatTakeThem) {
  const std::vector<Group> groups = {{"ddpm", 5, {1, 2}, 0, {}, "learned_range"},
                                     {"ddpm", 5, {3}, 0.7, {}, "fixed_small"},
                                     {"ddim", 5, {4}}};
  Observer observer;
  for (const Guidance guidance : {Guidance::kOn, Guidance::kOff}) {
    RowByRow learned;
    learned.learns_variance = true;
    RowByRow plain;
    const std::vector<at::Tensor> together = paint_together(groups, learned, observer, guidance);
    size_t image = 0;
    for (const Group& group : groups) {
      for (const uint64_t seed : group.seeds) {
        Group alone{group.sampler, group.steps, {seed}, group.rescale, {}, group.variance};
        EXPECT_TRUE(
            at::equal(together[image], paint_together({alone}, learned, observer, guidance)[0]));
        alone.variance = group.sampler == "ddpm" ? "fixed_small" : "";
        EXPECT_EQ(at::equal(together[image], paint_together({alone}, plain, observer, guidance)[0]),
                  group.variance != "learned_range");
        ++image;
      }
    }
  }
}

TEST(Denoise, SkipLayerGuidanceWorksBetweenItsSharesOfTheSteps) {
  const SkipLayerGuidance skip{{7}, 1, 0.01, 0.2};
  std::vector<int64_t> calls;
  for (int64_t call = 0; call < 28; ++call) {
    if (skips_layers(skip, 28, call)) calls.push_back(call);
  }
  EXPECT_THAT(calls, ElementsAre(1, 2, 3, 4, 5)) << "above 0.28 and below 5.6";
  EXPECT_FALSE(skips_layers({}, 28, 1));
  EXPECT_FALSE(skips_layers({{7}, 1, 0.25, 0.5}, 4, 1)) << "1 is not above 4 x 0.25";
  EXPECT_FALSE(skips_layers({{7}, 1, 0, 0.5}, 4, 2)) << "2 is not below 4 x 0.5";
}

TEST(Denoise, FinishedImagesCostNothing) {
  Observer observer;
  RowByRow network;
  paint_together(kMixed, network, observer);
  EXPECT_THAT(network.bound_rows, ElementsAre(14, 10, 6, 2)) << "guided: two rows an image";
}

TEST(Denoise, CountsTheCallsOfTheLongestRun) {
  class Steps : public Observer {
   public:
    void on_progress(Phase, int done, int total) override {
      all.push_back(done);
      EXPECT_EQ(total, 9);
    }
    std::vector<int> all;
  } observer;
  RowByRow network;
  paint_together(kMixed, network, observer);
  EXPECT_THAT(observer.all, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
}

TEST(Denoise, StopsBetweenTwoCalls) {
  class StopsAtThree : public Observer {
   public:
    void on_progress(Phase, int done, int) override { calls = done; }
    bool stop_requested() override { return calls == 3; }
    int calls = 0;
  } observer;
  RowByRow network;
  expect_error([&] { paint_together(kMixed, network, observer); }, ErrorKind::kInterrupted,
               "stopped");
  EXPECT_EQ(observer.calls, 3);
}

}  // namespace
}  // namespace sd
