#pragma once

#include <filesystem>
#include <functional>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sd/pipeline.h"

#include "cli/host.h"

namespace sd::testing {

/// An engine that computes nothing, notes what it is asked for and can be told to fail.
struct FakeEngine {
  std::vector<LoadOptions> loads;
  std::vector<std::vector<Request>> batches;
  std::vector<std::vector<Request>> estimates;
  std::vector<BoundRequest> bounds;
  LatentSpace latent_space;
  /// The size of the picture where `wanted` is asked for, as of a model with a list of sizes; not
  /// asked without resolution binning, nor for latents.
  std::function<PixelSize(PixelSize wanted)> nearest_size = [](PixelSize wanted) { return wanted; };
  bool weights_are_loaded = false;
  bool has_t5 = false;            ///< a T5 text encoder, which it can do without
  bool computes_together = true;  ///< else the images of a batch one after another
  std::function<void(Observer&)> on_load = [](Observer&) {};
  std::function<void(const std::vector<Request>&)> on_check = [](const std::vector<Request>&) {};
  std::function<void(const std::vector<Request>&, Observer&)> on_paint =
      [](const std::vector<Request>&, Observer&) {};
  std::function<Bound(const BoundRequest&, Observer&)> on_bound = [](const BoundRequest&,
                                                                     Observer&) { return Bound(); };

  /// All requests of all batches.
  std::vector<Request> requests() const;
  /// What a pipeline of these options says of its T5 text encoder, as in Settings.
  std::string t5_of(const LoadOptions& options) const;
};

/// What the fake engine makes of a request; every pixel depends on the seed.
Painted fake_painting(const Request& request);

/// The request with what it leaves to the model filled in.
Request with_settings(Request request);

/// All that the engine is told of an image, as text.
std::string described(const LoadOptions& load, const Request& request);

struct Outcome {
  int code = 0;
  std::string out;
  std::string err;
};

/// Runs the command line in this process: in an empty folder, with a model "tiny" in $SD_MODELS.
class CliTest : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  Outcome sd(const std::vector<std::string>& arguments);
  /// `sd txt2img -m tiny` and the arguments.
  Outcome txt2img(std::vector<std::string> arguments);
  /// `sd img2img -m tiny` and the arguments.
  Outcome img2img(std::vector<std::string> arguments);

  void set_variable(const char* name, const std::string& value);
  void unset_variable(const char* name);

  static void write_file(const std::filesystem::path& path, const std::string& text);
  static std::string read_file(const std::filesystem::path& path);
  /// Makes a folder that passes for a model.
  static void make_model(const std::filesystem::path& folder);
  /// Names in the current folder but "models", sorted.
  static std::vector<std::string> files_here();

  FakeEngine engine_;
  bool out_is_terminal_ = false;
  bool err_is_terminal_ = false;
  double now_ = 0;  ///< the clock
  double memory_ = 0;
  int signal_ = 0;  ///< the signal that arrived
  uint64_t random_seed_ = 4711;
  std::filesystem::path folder_;

 private:
  std::vector<std::pair<std::string, std::optional<std::string>>> old_variables_;
  std::filesystem::path old_folder_;
};

}  // namespace sd::testing
