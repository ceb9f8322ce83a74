// The whole way with the model that ships; pictures are compared with diffusers' in tests/parity.

#include "pipeline/diffusion_pipeline.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/tensor_ops.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"

namespace sd {
namespace {

using ::testing::HasSubstr;

LoadOptions shipped_model() {
  LoadOptions options;
  options.model = SD_SHIPPED_MODEL;
  options.device = "cpu";
  options.dtype = "fp32";
  return options;
}

Request small_request() {
  Request request;
  request.prompt = "a red circle";
  request.steps = 2;
  return request;
}

Picture striped_picture(uint8_t shade) {
  Picture picture{64, 64, std::vector<uint8_t>(size_t{64} * 64 * 3, shade)};
  for (size_t i = 0; i < picture.rgb.size(); i += 7) picture.rgb[i] = 200;
  return picture;
}

double mean_difference(const Picture& a, const Picture& b) {
  double sum = 0;
  for (size_t i = 0; i < a.rgb.size(); ++i) sum += std::abs(int{a.rgb[i]} - int{b.rgb.at(i)});
  return sum / static_cast<double>(a.rgb.size());
}

std::string failure_of(DiffusionPipeline& pipeline, const std::vector<Request>& requests,
                       Observer& observer, ErrorKind kind) {
  c10::InferenceMode no_autograd;
  return error_of([&] { pipeline.paint(requests, observer); }, kind);
}

TEST(DiffusionPipeline, RefusesAPictureThatCannotFitBeforeItEncodesThePrompt) {
  class Phases : public Observer {
   public:
    void on_progress(Phase phase, int, int) override { loading_alone &= phase == Phase::kLoad; }
    bool loading_alone = true;
  } observer;
  LoadOptions options = shipped_model();
  options.dtype = "bf16";  // in fp32 the images of a batch are computed one after another
  DiffusionPipeline pipeline(options, observer);
  Request request = small_request();
  request.width = request.height = 131072;
  failure_of(pipeline, {request}, observer, ErrorKind::kUsage);
  request.width = request.height = 16384;
  const std::string what =
      failure_of(pipeline, std::vector<Request>(64, request), observer, ErrorKind::kMemory);
  EXPECT_THAT(what, HasSubstr("64 pictures at once of 16384x16384 would need more than"));
  EXPECT_THAT(what, HasSubstr("lower --width, --height or --batch-size"));
  EXPECT_TRUE(observer.loading_alone);
}

TEST(DiffusionPipeline, StopsBeforeTheNextStep) {
  class StopAfter : public Observer {
   public:
    void on_progress(Phase phase, int done, int) override {
      if (phase == Phase::kDenoise) steps = done;
    }
    bool stop_requested() override { return steps == 3; }
    int steps = 0;
  } observer;
  DiffusionPipeline pipeline(shipped_model(), observer);
  Request request = small_request();
  request.steps = 10;
  failure_of(pipeline, {request}, observer, ErrorKind::kInterrupted);
  EXPECT_EQ(observer.steps, 3);
}

TEST(DiffusionPipeline, NamesTheBrokenWeightOfAPictureThatIsNoNumber) {
  const TemporaryFolder folder;
  const auto copy = folder.path() / "model";
  std::filesystem::copy(SD_SHIPPED_MODEL, copy, std::filesystem::copy_options::recursive);
  const auto file = copy / "unet/diffusion_pytorch_model.safetensors";
  {
    std::fstream weights(file, std::ios::in | std::ios::out | std::ios::binary);
    weights.seekp(-2, std::ios::end);
    weights.write("\x00\x7e", 2);  // a NaN of half precision
  }
  LoadOptions options = shipped_model();
  options.model = copy.string();
  Observer observer;
  DiffusionPipeline pipeline(options, observer);
  const std::string what = failure_of(pipeline, {small_request()}, observer, ErrorKind::kModel);
  EXPECT_THAT(what, HasSubstr(file.string() + ": tensor '"));
  EXPECT_THAT(what, HasSubstr("holds NaN, so the "));
}

TEST(DiffusionPipeline, AnImageHasTheSameBitsAloneAndInABatch) {
  c10::InferenceMode no_autograd;
  Observer observer;
  DiffusionPipeline pipeline(shipped_model(), observer);
  constexpr size_t kImages = 8;
  std::vector<Request> requests(kImages, small_request());
  std::vector<Painted> alone;
  for (size_t i = 0; i < kImages; ++i) {
    requests[i].seed = i;
    requests[i].prompt += i % 2 == 0 ? " on a blue background" : "";
    alone.push_back(std::move(pipeline.paint({requests[i]}, observer)[0]));
  }
  for (const size_t size : {2, 3, 8}) {
    for (size_t begin = 0; begin < kImages; begin += size) {
      const size_t end = std::min(begin + size, kImages);
      const std::vector<Painted> together =
          pipeline.paint({requests.begin() + static_cast<ptrdiff_t>(begin),
                          requests.begin() + static_cast<ptrdiff_t>(end)},
                         observer);
      for (size_t i = begin; i < end; ++i) {
        EXPECT_EQ(together[i - begin].latents.values, alone[i].latents.values) << size << ", " << i;
        EXPECT_EQ(together[i - begin].picture, alone[i].picture) << size << ", " << i;
      }
    }
  }
}

// What a batch may mix: samplers, steps, scales, prompts, ways in. In bf16, where the images of a
// batch are computed together.
TEST(DiffusionPipeline, AMixedBatchPaintsThePicturesOfItsRequests) {
  c10::InferenceMode no_autograd;
  Observer observer;
  LoadOptions options = shipped_model();
  options.dtype = "bf16";
  DiffusionPipeline pipeline(options, observer);
  std::vector<Request> requests(5, small_request());
  requests[0].sampler = "heun";
  requests[1].steps = 6;
  requests[1].sampler = "euler";
  requests[2].prompt = "a blue square on a white background";
  requests[2].scale = 5;
  requests[3].init_image = striped_picture(90);
  requests[3].strength = 0.01;  // no step is run
  requests[4].init_image = striped_picture(20);
  requests[4].strength = 0.5;
  for (size_t i = 0; i < requests.size(); ++i) requests[i].seed = i;
  const std::vector<Painted> together = pipeline.paint(requests, observer);
  ASSERT_EQ(together.size(), requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    const Painted alone = std::move(pipeline.paint({requests[i]}, observer)[0]);
    EXPECT_LT(mean_difference(together[i].picture, alone.picture), 1) << i;
    EXPECT_EQ(together[i].settings.timesteps, alone.settings.timesteps) << i;
    EXPECT_EQ(together[i].settings.sampler, alone.settings.sampler) << i;
    EXPECT_EQ(together[i].batch_size, 5) << i;
    EXPECT_EQ(alone.batch_size, 1) << i;
    for (size_t other = 0; other < i; ++other) {
      EXPECT_GT(mean_difference(together[i].picture, together[other].picture), 5) << i;
    }
  }
}

TEST(DiffusionPipeline, ChecksRequestsWithoutItsWeights) {
  Observer observer;
  LoadOptions options = shipped_model();
  const TemporaryFolder folder;
  options.model = (folder.path() / "model").string();
  std::filesystem::copy(SD_SHIPPED_MODEL, options.model, std::filesystem::copy_options::recursive);
  options.defer_weights = true;
  DiffusionPipeline pipeline(options, observer);
  const auto weights =
      std::filesystem::path(options.model) / "unet/diffusion_pytorch_model.safetensors";
  std::filesystem::resize_file(weights, 100);
  EXPECT_EQ(pipeline.defaults().width, 64);
  EXPECT_EQ(pipeline.defaults().sampler, "ddim");
  pipeline.check({small_request()});
  std::vector<Request> requests(2, small_request());
  requests[1].width = 65;
  expect_error([&] { pipeline.check(requests); }, ErrorKind::kUsage, "--width");
  requests[1] = small_request();
  requests[1].clip_skip = 30;
  expect_error([&] { pipeline.check(requests); }, ErrorKind::kUsage, "--clip-skip");
  expect_error([&] { pipeline.load_weights(observer); }, ErrorKind::kModel, weights.string());
}

TEST(DiffusionPipeline, WithLittleMemoryPromptsThatWereEncodedAheadNeedNoTextEncoder) {
  c10::InferenceMode no_autograd;
  Observer observer;
  LoadOptions options = shipped_model();
  const TemporaryFolder folder;
  options.model = (folder.path() / "model").string();
  std::filesystem::copy(SD_SHIPPED_MODEL, options.model, std::filesystem::copy_options::recursive);
  options.low_memory = true;
  DiffusionPipeline pipeline(options, observer);
  const Picture usual = pipeline.paint({small_request()}, observer)[0].picture;
  Request other = small_request();
  other.prompt = "a blue square";
  pipeline.encode_ahead({other}, observer);
  const auto weights = std::filesystem::path(options.model) / "text_encoder/model.safetensors";
  ASSERT_TRUE(std::filesystem::remove(weights));
  EXPECT_NE(pipeline.paint({other}, observer)[0].picture, usual);
  EXPECT_EQ(pipeline.paint({small_request()}, observer)[0].picture, usual);
  other.prompt = "a green triangle";
  failure_of(pipeline, {other}, observer, ErrorKind::kModel);
}

// One picture, several seeds: encoded once, yet every image is the one that is made alone.
TEST(DiffusionPipeline, ImagesThatStartFromOnePictureAreThoseMadeAlone) {
  c10::InferenceMode no_autograd;
  Observer observer;
  DiffusionPipeline pipeline(shipped_model(), observer);
  std::vector<Request> batch(3, small_request());
  for (size_t i = 0; i < batch.size(); ++i) {
    batch[i].seed = i;
    batch[i].strength = 0.01;  // no step is run: what the autoencoder makes of it
    batch[i].init_image = striped_picture(i == 1 ? 90 : 20);
  }
  const std::vector<Painted> together = pipeline.paint(batch, observer);
  ASSERT_EQ(together.size(), 3);
  for (size_t i = 0; i < batch.size(); ++i) {
    const Painted alone = std::move(pipeline.paint({batch[i]}, observer)[0]);
    EXPECT_EQ(together[i].latents.values, alone.latents.values) << i;
    EXPECT_EQ(together[i].picture, alone.picture) << i;
  }
  EXPECT_NE(together[0].latents.values, together[2].latents.values);  // their posteriors' seeds
  EXPECT_NE(together[0].picture, together[1].picture);
}

TEST(DiffusionPipeline, ShowsPreviewsThatNearThePictureAndChangeNothing) {
  class Previews : public Observer {
   public:
    void on_preview(size_t request, const Picture& picture) override {
      shown.at(request).push_back(picture);
    }
    std::array<std::vector<Picture>, 2> shown;
  } observer;
  c10::InferenceMode no_autograd;
  DiffusionPipeline pipeline(shipped_model(), observer);
  std::vector<Request> batch(2, small_request());
  for (Request& request : batch) request.steps = 10;
  batch[1].seed = 1;
  const std::vector<Painted> plain = pipeline.paint(batch, observer);
  EXPECT_TRUE(observer.shown[0].empty());
  for (Request& request : batch) request.preview_every = 3;
  const std::vector<Painted> watched = pipeline.paint(batch, observer);
  for (size_t i = 0; i < batch.size(); ++i) {
    EXPECT_EQ(watched[i].picture, plain[i].picture);
    ASSERT_EQ(observer.shown[i].size(), 3) << "after steps 3, 6 and 9";
    EXPECT_LT(mean_difference(observer.shown[i][2], watched[i].picture),
              mean_difference(observer.shown[i][0], watched[i].picture) / 2);
  }
}

}  // namespace
}  // namespace sd
