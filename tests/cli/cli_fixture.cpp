#include "tests/cli/cli_fixture.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/run.h"

namespace sd::testing {
namespace {

namespace fs = std::filesystem;

constexpr int kSide = 16;

class FakePipeline : public Pipeline {
 public:
  FakePipeline(FakeEngine& engine, const LoadOptions& options)
      : engine_(engine), t5_(engine.t5_of(options)) {}

  std::vector<Painted> paint(const std::vector<Request>& requests, Observer& observer) override {
    engine_.batches.push_back(requests);
    engine_.on_paint(requests, observer);
    std::vector<Painted> painted;
    for (const Request& request : requests) {
      Request sized = request;
      const PixelSize size = picture_size(request);
      sized.width = size.width;
      sized.height = size.height;
      painted.push_back(fake_painting(sized));
      painted.back().settings.t5 = t5_;
      painted.back().batch_size = static_cast<int>(engine_.computes_together ? requests.size() : 1);
    }
    return painted;
  }
  void check(const std::vector<Request>& requests) const override { engine_.on_check(requests); }
  void encode_ahead(const std::vector<Request>&, Observer&) override {}
  void load_weights(Observer&) override { engine_.weights_are_loaded = true; }
  ModelDefaults defaults() const override {
    return {kSide, kSide, 20, 20, 7.5, 0.8, "ddim", "cpu", "fp32", t5_};
  }
  int suggested_batch_size(const Request&) const override { return 2; }
  Estimate estimate(const std::vector<Request>& requests) override {
    engine_.estimates.push_back(requests);
    return {static_cast<double>(requests.size()), 1.5e9};
  }
  Bound evaluate_bound(const BoundRequest& request, Observer& observer) override {
    engine_.bounds.push_back(request);
    return engine_.on_bound(request, observer);
  }
  PixelSize picture_size(const Request& request) const override {
    PixelSize own = {kSide, kSide};
    if (request.init_image) {
      own = {cut_to_multiple(request.init_image->width),
             cut_to_multiple(request.init_image->height)};
    } else if (request.init_latents) {
      const int factor = engine_.latent_space.factor;
      const std::vector<int64_t>& shape = request.init_latents->shape;
      own = {static_cast<int>(shape.at(2)) * factor, static_cast<int>(shape.at(1)) * factor};
    }
    const PixelSize wanted = {request.width.value_or(own.width),
                              request.height.value_or(own.height)};
    const bool bins = request.resolution_binning.value_or(true) && !request.init_latents;
    return bins ? engine_.nearest_size(wanted) : wanted;
  }
  LatentSpace latent_space() const override { return engine_.latent_space; }

 private:
  /// Tests may start from pictures of a few pixels.
  static int cut_to_multiple(int side) {
    constexpr int kMultiple = 8;
    return std::max(side / kMultiple, 1) * kMultiple;
  }

  FakeEngine& engine_;
  std::string t5_;
};

}  // namespace

std::vector<Request> FakeEngine::requests() const {
  std::vector<Request> all;
  for (const auto& batch : batches) all.insert(all.end(), batch.begin(), batch.end());
  return all;
}

std::string FakeEngine::t5_of(const LoadOptions& options) const {
  if (!has_t5) return "";
  if (options.no_t5) return "none";
  return options.t5_dtype.empty() ? "fp32" : options.t5_dtype;
}

Painted fake_painting(const Request& request) {
  Painted painted;
  Settings& settings = painted.settings;
  settings.width = request.width.value_or(kSide);
  settings.height = request.height.value_or(kSide);
  settings.steps = request.steps.value_or(20);
  settings.scale = request.scale.value_or(7.5);
  settings.sampler = request.sampler.empty() ? "ddim" : request.sampler;
  settings.prediction_type = "epsilon";
  const bool is_img2img = request.init_image || request.init_latents;
  settings.strength = request.strength.value_or(0.8);
  const double share = is_img2img ? settings.strength : 1;
  settings.timesteps.assign(static_cast<size_t>(settings.steps * share), 1.0);
  settings.device = "cpu";
  settings.dtype = "fp32";
  painted.timings = {0.5, 2, 0.25};
  painted.picture = {settings.width, settings.height, {}};
  painted.picture.rgb.assign(static_cast<size_t>(settings.width) * settings.height * 3,
                             static_cast<uint8_t>(request.seed));
  painted.latents = {{4, 2, 2}, std::vector<float>(16, static_cast<float>(request.seed))};
  return painted;
}

Request with_settings(Request request) {
  const Settings settings = fake_painting(request).settings;
  request.width = settings.width;
  request.height = settings.height;
  request.steps = settings.steps;
  request.scale = settings.scale;
  request.sampler = settings.sampler;
  if (request.init_image || request.init_latents) request.strength = settings.strength;
  return request;
}

std::string described(const LoadOptions& load, const Request& request) {
  nlohmann::json object = {{"model", load.model},
                           {"variant", load.variant},
                           {"tiling", load.vae_tiling},
                           {"no_t5", load.no_t5},
                           {"t5_dtype", load.t5_dtype},
                           {"prompt_2", request.prompt_2},
                           {"prompt_3", request.prompt_3},
                           {"negative_2", request.negative_prompt_2},
                           {"negative_3", request.negative_prompt_3},
                           {"tokens", request.max_sequence_length.value_or(0)},
                           {"skip_layers", request.skip_layers.layers},
                           {"skip_layer_scale", request.skip_layers.scale},
                           {"skip_layer_start", request.skip_layers.start},
                           {"skip_layer_stop", request.skip_layers.stop},
                           {"prompt", request.prompt},
                           {"negative", request.negative_prompt},
                           {"width", request.width.value_or(0)},
                           {"height", request.height.value_or(0)},
                           {"steps", request.steps.value_or(0)},
                           {"scale", request.scale.value_or(0)},
                           {"rescale", request.guidance_rescale},
                           {"sampler", request.sampler},
                           {"sigmas", request.sigmas},
                           {"spacing", request.spacing},
                           {"variance", request.variance},
                           {"rope_grid", request.rope_grid},
                           {"rounded_times", request.rounded_times},
                           {"eta", request.eta},
                           {"seed", request.seed},
                           {"clip_skip", request.clip_skip}};
  const auto add_size = [&](const char* key, const std::optional<PixelSize>& size) {
    if (size) object[key] = {size->width, size->height};
  };
  add_size("original_size", request.original_size);
  add_size("target_size", request.target_size);
  if (request.crop) object["crop"] = {request.crop->top, request.crop->left};
  if (request.resolution_binning) object["binning"] = *request.resolution_binning;
  if (request.init_image) object["image"] = request.init_image->rgb;
  if (request.init_latents) object["latents"] = request.init_latents->values;
  if (request.init_image || request.init_latents) object["strength"] = request.strength.value_or(0);
  return object.dump(1);
}

void CliTest::SetUp() {
  std::string name = (fs::temp_directory_path() / "sd-cli-XXXXXX").string();
  ASSERT_NE(::mkdtemp(name.data()), nullptr);
  folder_ = fs::canonical(name);
  old_folder_ = fs::current_path();
  fs::current_path(folder_);
  make_model("models/tiny");
  set_variable("SD_MODELS", (folder_ / "models").string());
  set_variable("TERM", "xterm");
  for (const char* name : {"NO_COLOR", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME"}) {
    unset_variable(name);
  }
}

void CliTest::TearDown() {
  for (const auto& [name, value] : old_variables_) {
    value ? ::setenv(name.c_str(), value->c_str(), 1) : ::unsetenv(name.c_str());
  }
  fs::current_path(old_folder_);
  fs::remove_all(folder_);
}

Outcome CliTest::sd(const std::vector<std::string>& arguments) {
  std::ostringstream out;
  std::ostringstream err;
  const Host host = {
      .out = out,
      .err = err,
      .out_is_terminal = out_is_terminal_,
      .err_is_terminal = err_is_terminal_,
      .columns = [] { return 80; },
      .seconds = [this] { return now_; },
      .memory = [this] { return memory_; },
      .peak_memory = [this] { return memory_; },
      .stop_signal = [this] { return signal_; },
      .random_seed = [this] { return random_seed_; },
      .load = [this](const LoadOptions& options, Observer& observer) -> std::unique_ptr<Pipeline> {
        engine_.loads.push_back(options);
        engine_.on_load(observer);
        return std::make_unique<FakePipeline>(engine_, options);
      }};
  const int code = run(arguments, host);
  return {code, out.str(), err.str()};
}

Outcome CliTest::txt2img(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"txt2img", "-m", "tiny"});
  return sd(arguments);
}

Outcome CliTest::img2img(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"img2img", "-m", "tiny"});
  return sd(arguments);
}

void CliTest::set_variable(const char* name, const std::string& value) {
  const char* old = std::getenv(name);
  old_variables_.emplace(old_variables_.begin(), name,
                         old ? std::optional<std::string>(old) : std::nullopt);
  ::setenv(name, value.c_str(), 1);
}

void CliTest::unset_variable(const char* name) {
  set_variable(name, "");
  ::unsetenv(name);
}

void CliTest::write_file(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::string CliTest::read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void CliTest::make_model(const fs::path& folder) {
  fs::create_directories(folder);
  write_file(folder / "model_index.json", "{}");
}

std::vector<std::string> CliTest::files_here() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(".")) {
    if (entry.path().filename() != "models") names.push_back(entry.path().filename().string());
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace sd::testing
