// What picture_parameters writes into a picture is the job that read_picture_job reads.

#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>

#include "io/picture_format.h"
#include "jobs/job_keys.h"
#include "jobs/picture_job.h"
#include "jobs/picture_parameters.h"
#include "jobs/prompt_keys.h"
#include "jobs/request_limits.h"
#include "jobs/sampler_names.h"
#include "tests/support/temporary_folder.h"

namespace sd {
namespace {

using testing::IsEmpty;

/// What the engine makes of a request whose every value is given.
Settings settings_of(const Request& request) {
  Settings settings;
  settings.width = *request.width;
  settings.height = *request.height;
  settings.steps = *request.steps;
  settings.scale = *request.scale;
  settings.sampler = request.sampler;
  settings.device = "cuda:0";
  settings.dtype = "bf16";
  return settings;
}

/// A number below `count`.
using Pick = std::function<size_t(size_t count)>;

/// Gives the request, at random, what only some families have.
void add_of_families(Request& request, const Pick& pick) {
  const auto size = [&] {
    return PixelSize{static_cast<int>(1 + pick(kMaxSide)), static_cast<int>(1 + pick(kMaxSide))};
  };
  if (pick(2) == 0) request.max_sequence_length = static_cast<int>(1 + pick(512));
  if (pick(2) == 0) {
    const double start = static_cast<double>(pick(10)) / 11;
    request.skip_layers = {.layers = {static_cast<int>(pick(9)), static_cast<int>(9 + pick(90))},
                           .scale = static_cast<double>(pick(1000)) / 7 - 70,
                           .start = start,
                           .stop = start + 0.1};
  }
  if (pick(2) == 0) request.resolution_binning = pick(2) == 0;
  if (pick(2) == 0) request.original_size = size();
  if (pick(2) == 0) request.target_size = size();
  if (pick(2) == 0) request.crop = {static_cast<int>(pick(100)), static_cast<int>(pick(100))};
  if (pick(2) == 0) request.rope_grid = "original";
  request.rounded_times = pick(2) == 0;
  if (request.sampler == "ddpm") request.variance = kVariances[pick(kVariances.size())];
}

// Of random jobs in every format.
TEST(PictureJob, IsTheJobThatPaintedIt) {
  const TemporaryFolder folder;
  std::mt19937_64 random(3);  // NOLINT(cert-msc51-cpp): the same in every run
  const Pick pick = [&random](size_t count) { return static_cast<size_t>(random() % count); };
  const std::vector<std::string> pieces = {"a",          " ",      "\"",       "\n",
                                           ",",          ":",      "\\",       "é",
                                           "雪",         "{",      "Steps: 3", "Negative prompt:",
                                           "<lora:x:1>", "(a:1.2)"};
  const auto text = [&] {
    std::string all;
    for (size_t length = pick(9); length > 0; --length) all += pieces[pick(pieces.size())];
    return all;
  };
  const std::vector<std::string_view> samplers = sampler_choices();
  const std::vector<std::string> spacings = {"", "leading", "linspace", "trailing"};
  folder.write("start.png", "");
  for (int round = 0; round < 200; ++round) {
    Job job;
    Request& request = job.request;
    request.prompt = text();
    request.negative_prompt = text();
    request.width = static_cast<int>(8 * (1 + pick(100)));
    request.height = static_cast<int>(8 * (1 + pick(100)));
    request.steps = static_cast<int>(1 + pick(1000));
    request.scale = static_cast<double>(pick(1000)) / 7;
    request.sampler = samplers[pick(samplers.size())];
    if (request.sampler == "ddim") request.eta = static_cast<double>(pick(10)) / 9;
    request.guidance_rescale = static_cast<double>(pick(10)) / 9;
    if (pick(2) == 0) request.sigmas = kSigmas[pick(kSigmas.size())];
    request.spacing = spacings[pick(spacings.size())];
    request.clip_skip = static_cast<int>(pick(4));
    for (const PromptKey& prompt : kFurtherPrompts) {
      if (pick(2) == 0) request.*prompt.text = text();
    }
    add_of_families(request, pick);
    Settings settings = settings_of(request);
    const std::vector<std::string> t5s = {"", "none", "fp32", "bf16"};
    settings.t5 = t5s[pick(t5s.size())];
    job.seed = request.seed = random();
    job.model = "tiny";
    Request painted = request;
    PictureOrigin origin = {.model = "tiny", .model_hash = std::string(64, 'a')};
    origin.vae_tiling = pick(2) == 0;
    if (pick(2) == 0) origin.variant = "fp16";
    if (pick(2) == 0) {
      settings.strength = static_cast<double>(pick(10)) / 9;
      request.strength = painted.strength = settings.strength;
      const bool is_image = pick(2) == 0;
      (is_image ? job.init_image : job.init_latents) = (folder / "start.png").string();
      if (is_image) painted.init_image = Picture();
      if (!is_image) painted.init_latents = Latents();
      origin.start = "start.png";
    }
    const auto format = static_cast<PictureFormat>(pick(3));
    const Picture picture = {8, 8, std::vector<uint8_t>(8 * 8 * 3)};
    const auto bytes = encode_picture(picture, picture_parameters(painted, settings, origin),
                                      {format, kDefaultQuality})
                           .bytes;
    const std::string file = folder.write("a", {bytes.begin(), bytes.end()});

    const PictureJob found = read_picture_job(file, {});
    EXPECT_EQ(print_job(found.job), print_job(job));
    EXPECT_EQ(print_place(found.job.place), file);
    EXPECT_THAT(found.unequalled, IsEmpty());
    EXPECT_EQ(found.variant, origin.variant);
    EXPECT_EQ(found.device, "cuda:0");
    EXPECT_EQ(found.dtype, "bf16");
    EXPECT_EQ(found.vae_tiling, origin.vae_tiling);
    const bool is_t5_told = !settings.t5.empty() && settings.t5 != settings.dtype;
    EXPECT_EQ(found.t5, is_t5_told ? std::optional(settings.t5) : std::nullopt);
    if (HasFailure()) break;
  }
}

}  // namespace
}  // namespace sd
