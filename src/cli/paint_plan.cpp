#include "cli/paint_plan.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <ctime>
#include <limits>
#include <system_error>

#include "cli/compvis.h"
#include "cli/model_path.h"
#include "cli/prompt_file.h"
#include "core/check.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

struct Amount {
  int64_t repeats = 1;  ///< images for each prompt
  int batch_size = 1;
};

/// CompVis' n_samples and n_iter in terms of --count and --batch-size: with --from-file a line is
/// one image of each round, else a round has n_samples images.
Amount find_amount(const Arguments& arguments) {
  Amount amount;
  const int samples = arguments.n_samples.value_or(1);
  amount.batch_size = arguments.batch_size.value_or(samples);
  amount.repeats = arguments.count.value_or(arguments.n_iter.value_or(1));
  if (!arguments.prompt_file) amount.repeats *= samples;
  return amount;
}

std::vector<std::string> find_prompts(const Arguments& arguments) {
  SD_CHECK(arguments.prompt || arguments.prompt_file, ErrorKind::kUsage,
           "--prompt TEXT or --from-file FILE is needed: what to paint (\"\" is the empty prompt)");
  if (arguments.prompt_file) return read_prompt_file(*arguments.prompt_file);
  return {*arguments.prompt};
}

bool is_taken(const fs::path& path) {
  std::error_code error;
  return fs::exists(fs::symlink_status(path, error));
}

std::filesystem::path latents_path(const PaintPlan& plan, const PlannedImage& image) {
  return output_path(*plan.latents, image.index, image.seed);
}

/// Fails where a file cannot be written; `path_of` tells the path of an image.
template <typename PathOf>
void check_place(const OutputNames& names, const PaintPlan& plan, OnExist on_exist,
                 PathOf&& path_of) {
  for (const PlannedImage& image : plan.images) {
    if (on_exist != OnExist::kFail) break;
    const fs::path path = path_of(plan, image);
    SD_CHECK(!is_taken(path), ErrorKind::kOutput, "the file ", path.string(),
             " is there already (--on-exist overwrite, rename or skip allows that)");
  }
  check_output(names, path_of(plan, plan.images.back()), on_exist);  // with the longest name
}

/// The placeholders of a picture's name: what is known before anything is painted.
std::vector<Placeholder> known_placeholders(const Request& request) {
  std::vector<Placeholder> known = {Placeholder::kIndex, Placeholder::kSeed, Placeholder::kPrompt,
                                    Placeholder::kNegativePrompt};
  if (!request.sampler.empty()) known.push_back(Placeholder::kSampler);
  if (request.steps) known.push_back(Placeholder::kSteps);
  if (request.scale) known.push_back(Placeholder::kScale);
  if (request.width) known.push_back(Placeholder::kWidth);
  if (request.height) known.push_back(Placeholder::kHeight);
  known.insert(known.end(), {Placeholder::kModel, Placeholder::kDate});
  return known;
}

/// Errors: kModel where a name tells the model, and that cannot be found.
NameValues find_name_values(const Arguments& arguments, const OutputNames& names) {
  const Request& request = arguments.request;
  NameValues values = {.negative_prompt = request.negative_prompt,
                       .sampler = request.sampler,
                       .steps = request.steps,
                       .scale = request.scale,
                       .width = request.width,
                       .height = request.height,
                       .time = std::time(nullptr)};
  constexpr std::array kModel = {Placeholder::kModel};
  if (has_placeholder(names.pattern, kModel)) {
    const std::string& model = arguments.load.model;
    values.model = find_model(model.empty() ? kDefaultModel : model).name;
  }
  return values;
}

/// As the names say, which may be those of standard output and say nothing.
Encoding find_encoding(const Arguments& arguments, const OutputNames& names) {
  Encoding encoding;
  encoding.format =
      format_of_name(names.pattern).value_or(arguments.format.value_or(PictureFormat::kPng));
  encoding.quality = arguments.quality.value_or(kDefaultQuality);
  SD_CHECK(!arguments.quality || encoding.format != PictureFormat::kPng, ErrorKind::kUsage,
           "--quality is for JPEG and WebP, found --quality ", encoding.quality,
           " for PNG, which is always without loss (--format jpg, or -o FILE.jpg)");
  return encoding;
}

/// CompVis' names or those of -o, and what is done where a file is there.
void name_pictures(const Arguments& arguments, PaintPlan& plan) {
  const bool as_compvis = !arguments.compat.empty();
  plan.names = as_compvis ? compvis_names(arguments.outdir.value_or(""))
                          : parse_output(arguments.output, plan.total, arguments.format,
                                         known_placeholders(arguments.request));
  if (as_compvis && arguments.format) {
    plan.names.pattern =
        fs::path(plan.names.pattern).replace_extension(format_name(*arguments.format)).string();
  }
  plan.name_values = find_name_values(arguments, plan.names);
  plan.encoding = find_encoding(arguments, plan.names);
  // With --fixed_code several pictures have one seed, so one name where it has no {index}.
  const bool may_rename = as_compvis || (arguments.fixed_code && makes_folder(plan.names));
  plan.on_exist = arguments.on_exist.value_or(may_rename ? OnExist::kRename
                                                         : default_on_exist(plan.names.kind));
  plan.saves_pictures = !arguments.skip_save;
}

void plan_grid(const Arguments& arguments, PaintPlan& plan) {
  if (!arguments.n_rows) return;
  SD_CHECK(plan.names.kind != OutputKind::kStandardOutput, ErrorKind::kUsage,
           "--n_rows and --output - cannot stand together");
  const int columns =
      *arguments.n_rows > 0 ? *arguments.n_rows : arguments.n_samples.value_or(plan.batch_size);
  plan.grid = {.folder = plan.names.folder, .columns = columns};
  if (!arguments.compat.empty()) {
    plan.grid->folder = *arguments.outdir;
    plan.grid->first_number = compvis_grid_number(*arguments.outdir);
  }
}

void plan_output(const Arguments& arguments, const Host& host, PaintPlan& plan) {
  name_pictures(arguments, plan);
  plan_grid(arguments, plan);
  if (arguments.save_latents) {
    plan.latents = parse_latents_output(*arguments.save_latents, plan.total);
    plan.latents_on_exist = arguments.on_exist.value_or(OnExist::kOverwrite);
    check_place(*plan.latents, plan, plan.latents_on_exist, latents_path);
  }
  if (plan.names.kind == OutputKind::kStandardOutput) {
    SD_CHECK(!host.out_is_terminal, ErrorKind::kUsage,
             "--output - writes the picture to standard output, which is a terminal: a pipe or "
             "file was expected");
    return;
  }
  check_place(plan.names, plan, plan.on_exist, picture_path);
  if (plan.on_exist == OnExist::kSkip) {
    plan.skipped = static_cast<int>(std::erase_if(plan.images, [&](const PlannedImage& image) {
      return is_taken(picture_path(plan, image));
    }));
  }
}

}  // namespace

fs::path picture_path(const PaintPlan& plan, const PlannedImage& image) {
  NameValues values = plan.name_values;
  values.index = static_cast<uint64_t>(image.index);
  values.seed = image.seed;
  values.prompt = plan.prompts[image.prompt];
  return output_path(plan.names, values);
}

PaintPlan make_paint_plan(const Arguments& arguments, const Host& host) {
  check_skip_layers(arguments);
  const Amount amount = find_amount(arguments);
  PaintPlan plan;
  plan.batch_size = amount.batch_size;
  plan.prompts = find_prompts(arguments);
  const int64_t count = amount.repeats * std::ssize(plan.prompts);
  SD_CHECK(count <= kMaxImages, ErrorKind::kUsage, "at most ", kMaxImages,
           " images can be painted at once, ", count, " were asked for");
  const uint64_t first_seed = arguments.seed ? *arguments.seed : host.random_seed();
  const int64_t seeds = arguments.fixed_code ? std::min<int64_t>(plan.batch_size, count) : count;
  SD_CHECK(first_seed <= std::numeric_limits<uint64_t>::max() - static_cast<uint64_t>(seeds - 1),
           ErrorKind::kUsage, "--seed ", first_seed, " is too large for ", count,
           " images: the last seed would pass 18446744073709551615");
  plan.total = static_cast<int>(count);
  plan.images.reserve(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    plan.images.push_back({static_cast<int>(i), static_cast<size_t>(i) % plan.prompts.size(),
                           first_seed + static_cast<uint64_t>(i % seeds)});
  }
  plan_output(arguments, host, plan);
  return plan;
}

}  // namespace sd
