#include "cli/paint_command.h"

#include <algorithm>
#include <iomanip>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "cli/grid_writer.h"
#include "cli/image_report.h"
#include "cli/model_hasher.h"
#include "cli/model_path.h"
#include "cli/paint_plan.h"
#include "cli/preview_files.h"
#include "cli/progress.h"
#include "cli/result_stream.h"
#include "core/check.h"
#include "io/latents_file.h"
#include "io/picture_format.h"
#include "jobs/picture_parameters.h"

namespace sd {
namespace {

class Painter {
 public:
  Painter(const Arguments& arguments, const Start& start, const PaintPlan& plan, const Host& host,
          Console& console)
      : arguments_(arguments),
        start_(start),
        plan_(plan),
        host_(host),
        console_(console),
        progress_(host, console),
        grid_(plan.grid) {}

  /// Paints all; returns the exit code.
  int run() {
    load();
    const std::span<const PlannedImage> images = plan_.images;
    const auto batch_size = static_cast<size_t>(plan_.batch_size);
    try {
      for (size_t begin = 0; begin < images.size(); begin += batch_size) {
        paint(images.subspan(begin, std::min(batch_size, images.size() - begin)));
      }
    } catch (...) {
      if (saved_ > 0) {
        console_.note(concat_text(saved_ + plan_.skipped, " of ", plan_.total, " images are done"));
      }
      throw;
    }
    console_.clear_live_line();
    write_grid();
    if (failed_ == 0) return 0;
    if (plan_.total > 1) {
      console_.note(concat_text(failed_, " of ", plan_.total, " images failed"));
    }
    return failed_ == std::ssize(images) ? exit_code(ErrorKind::kNumeric) : 1;
  }

 private:
  void load() {
    LoadOptions options = arguments_.load;
    if (options.model.empty()) {
      options.model = kDefaultModel;
      console_.note(
          concat_text("no --model: taking ", kDefaultModel, ", a small model that comes with sd"));
    }
    const ModelPath model = find_model(options.model);
    model_name_ = model.name;
    options.model = model.folder.string();
    console_.detail("model " + options.model);
    if (!arguments_.seed) console_.note(concat_text("seed ", plan_.images.front().seed));
    hasher_.emplace(model.folder, options.variant);
    progress_.set_on_first_step([this] { hasher_->start(); });
    options.defer_weights = true;  // what is wrong with the request is said before the long read
    pipeline_ = host_.load(options, progress_);
    const LatentSpace latents = pipeline_->latent_space();
    check_latents("--C", arguments_.latent_channels, latents.channels, "channels");
    check_latents("--f", arguments_.latent_factor, latents.factor, "pixels to a latent");
    const std::vector<Request> first = make_requests({plan_.images.data(), 1});
    pipeline_->check(first);
    check_sides(pipeline_->picture_size(first[0]));
    pipeline_->load_weights(progress_);
  }

  /// CompVis' options, which would paint in another space than the model's.
  void check_latents(const char* flag, std::optional<int> value, int own, const char* what) const {
    SD_CHECK(!value || *value == own, ErrorKind::kUsage, flag, " ", value.value_or(0),
             " disagrees with ", model_name_, ", which has ", own, " ", what);
  }

  /// Errors: kUsage where a file of the format cannot hold pictures of the size.
  void check_sides(const PixelSize& size) const {
    const PictureFormat format = plan_.encoding.format;
    const int most = max_side(format);
    SD_CHECK(size.width <= most && size.height <= most, ErrorKind::kUsage, "a ",
             format_title(format), " file holds sides of at most ", most,
             " pixels, the picture would be ", size.width, " x ", size.height);
  }

  void paint(std::span<const PlannedImage> images) {
    SD_CHECK(host_.stop_signal() == 0, ErrorKind::kInterrupted, "stopped");
    progress_.set_subject(subject(images));
    progress_.set_on_preview([this, images](size_t request, const Picture& picture) {
      if (makes_folder(plan_.names)) folders_.make(plan_.names.folder);
      previews_.show(path_of(images[request]), picture);
    });
    const std::vector<Request> requests = make_requests(images);
    std::vector<Painted> painted;
    try {
      painted = pipeline_->paint(requests, progress_);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kNumeric) throw;
      if (images.size() == 1) return count_failure(images.front(), requests.front(), error.what());
      for (size_t i = 0; i < images.size(); ++i) paint(images.subspan(i, 1));
      return;
    }
    if (painted.size() != images.size()) throw std::logic_error("the engine lost an image");
    for (size_t i = 0; i < images.size(); ++i) save(images[i], requests[i], painted[i]);
  }

  std::vector<Request> make_requests(std::span<const PlannedImage> images) const {
    std::vector<Request> requests(images.size(), arguments_.request);
    for (size_t i = 0; i < images.size(); ++i) {
      requests[i].prompt = plan_.prompts[images[i].prompt];
      requests[i].seed = images[i].seed;
      requests[i].init_image = start_.picture;
      requests[i].init_latents = start_.latents;
    }
    return requests;
  }

  void save(const PlannedImage& image, const Request& request, const Painted& painted) {
    describe_first(request, painted);
    const PictureOrigin origin = {
        .model = model_name_,
        .model_hash = hasher_->get([this] { return host_.stop_signal() != 0; }).value_or(""),
        .variant = arguments_.load.variant,
        .start = start_.name,
        .vae_tiling = arguments_.load.vae_tiling};
    const std::string parameters = picture_parameters(request, painted.settings, origin);
    if (const auto reason = grid_.add(painted.picture, parameters)) console_.warning(*reason);
    const EncodedPicture file = plan_.saves_pictures
                                    ? encode_picture(painted.picture, parameters, plan_.encoding)
                                    : EncodedPicture{};
    if (!file.warning.empty()) warn_once(file.warning);
    if (plan_.latents) {
      if (makes_folder(*plan_.latents)) folders_.make(plan_.latents->folder);
      write_latents(output_path(*plan_.latents, image.index, image.seed), painted.latents,
                    plan_.latents_on_exist);
    }
    console_.clear_live_line();
    if (plan_.names.kind == OutputKind::kStandardOutput) {
      print_result(host_, {reinterpret_cast<const char*>(file.bytes.data()), file.bytes.size()});
      ++saved_;
      return;
    }
    if (!plan_.saves_pictures) {
      ++saved_;
      if (arguments_.json)
        print_result(host_, image_report({}, image.index, request, painted, origin) + "\n");
      return;
    }
    if (makes_folder(plan_.names)) folders_.make(plan_.names.folder);
    const auto path = write_file_atomically(path_of(image), file.bytes, plan_.on_exist);
    previews_.remove(path_of(image));
    if (!path) return;  // another process was faster, and --on-exist skip
    ++saved_;
    const std::string line = arguments_.json
                                 ? image_report(*path, image.index, request, painted, origin)
                                 : path->string();
    print_result(host_, line + "\n", "; the picture was saved as '" + path->string() + "'");
  }

  std::filesystem::path path_of(const PlannedImage& image) const {
    return picture_path(plan_, image);
  }

  /// What may hold for every image of a run.
  void warn_once(const std::string& warning) {
    if (!std::exchange(is_warned_, true)) console_.warning(warning);
  }

  void write_grid() {
    if (!grid_) return;
    folders_.make(plan_.grid->folder);
    const auto path = grid_.write();
    if (!path) return;
    const std::string line =
        arguments_.json ? grid_report(*path, static_cast<int>(saved_)) : path->string();
    print_result(host_, line + "\n", "; the grid was saved as '" + path->string() + "'");
  }

  void count_failure(const PlannedImage& image, const Request& request, const std::string& what) {
    ++failed_;
    console_.error(concat_text(plan_.total == 1 ? "the image" : subject({&image, 1}), " (seed ",
                               image.seed, "): ", what));
    if (arguments_.json) {
      print_result(host_, failure_report(image.index, request, what) + "\n");
    }
  }

  /// What -v says of the work, once.
  void describe_first(const Request& request, const Painted& painted) {
    if (std::exchange(is_described_, true)) return;
    const Settings& settings = painted.settings;
    const size_t calls = settings.timesteps.size();
    if (request.init_image || request.init_latents) {
      console_.detail(concat_text("target t_enc is ", calls, calls == 1 ? " step" : " steps"));
      if (calls == 0 && settings.strength > 0) {
        console_.warning(concat_text("--strength ", settings.strength, " of ", settings.steps,
                                     " steps leaves none to run: the text changed nothing"));
      }
    }
    if (settings.scale <= 1 && calls > 0) warn_unguided(request, settings.scale);
    std::ostringstream text;
    text << settings.width << "x" << settings.height << ", " << settings.steps
         << (settings.steps == 1 ? " step of " : " steps of ") << settings.sampler << ", scale "
         << settings.scale << ", " << settings.device << ", " << settings.dtype << std::fixed
         << std::setprecision(2) << "; encoded in " << painted.timings.encode << " s, denoised in "
         << painted.timings.denoise << " s, decoded in " << painted.timings.decode << " s";
    console_.detail(text.str());
  }

  /// Says which options do nothing without guidance.
  void warn_unguided(const Request& request, double scale) {
    const char* option = !request.negative_prompt.empty()      ? "--negative-prompt"
                         : !request.negative_prompt_2.empty()  ? "--negative-prompt-2"
                         : !request.negative_prompt_3.empty()  ? "--negative-prompt-3"
                         : request.guidance_rescale > 0        ? "--guidance-rescale"
                         : !request.skip_layers.layers.empty() ? "--skip-layers"
                                                               : nullptr;
    if (option != nullptr) {
      console_.warning(
          concat_text(option, " does nothing with --scale ", scale, ": guidance begins above 1"));
    }
  }

  /// "image 3 of 10", "images 3 to 4 of 10", or nothing for a single one. People count from 1.
  std::string subject(std::span<const PlannedImage> images) const {
    if (plan_.total == 1) return "";
    const int first = images.front().index + 1;
    if (images.size() == 1) return concat_text("image ", first, " of ", plan_.total);
    return concat_text("images ", first, " to ", images.back().index + 1, " of ", plan_.total);
  }

  const Arguments& arguments_;
  const Start& start_;
  const PaintPlan& plan_;
  const Host& host_;
  Console& console_;
  Progress progress_;
  std::string model_name_;
  std::unique_ptr<Pipeline> pipeline_;
  int64_t saved_ = 0;
  int64_t failed_ = 0;
  bool is_described_ = false;
  bool is_warned_ = false;
  GridWriter grid_;
  NewFolders folders_;
  PreviewFiles previews_;  // goes before the folders that it may be in
  std::optional<ModelHasher> hasher_;
};

}  // namespace

int run_paint(const Arguments& arguments, const Start& start, const Host& host, Console& console) {
  const PaintPlan plan = make_paint_plan(arguments, host);
  if (plan.skipped > 0) {
    console.note(concat_text(plan.skipped, plan.skipped == 1 ? " image is" : " images are",
                             " there already and skipped"));
  }
  if (plan.images.empty()) return 0;
  return Painter(arguments, start, plan, host, console).run();
}

}  // namespace sd
