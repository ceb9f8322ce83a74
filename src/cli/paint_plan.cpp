#include "cli/paint_plan.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <system_error>
#include <unistd.h>

#include "cli/prompt_file.h"
#include "core/check.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxImages = 1000000;

struct Amount {
  int64_t repeats = 1;  ///< images for each prompt
  int batch_size = 1;
};

/// CompVis' n_samples and n_iter in terms of --count and --batch-size: with --from-file a line is
/// one image of each round, else a round has n_samples images.
Amount find_amount(const Arguments& arguments) {
  const bool is_compvis = arguments.n_samples || arguments.n_iter;
  SD_CHECK(!is_compvis || !arguments.count, ErrorKind::kUsage,
           "--count cannot stand together with --n_samples and --n_iter, which say the same");
  Amount amount;
  const int samples = arguments.n_samples.value_or(1);
  amount.batch_size = arguments.batch_size.value_or(samples);
  amount.repeats = arguments.count.value_or(arguments.n_iter.value_or(1));
  if (!arguments.prompt_file) amount.repeats *= samples;
  return amount;
}

std::vector<std::string> find_prompts(const Arguments& arguments) {
  SD_CHECK(!arguments.prompt || !arguments.prompt_file, ErrorKind::kUsage,
           "--prompt and --from-file cannot stand together");
  SD_CHECK(arguments.prompt || arguments.prompt_file, ErrorKind::kUsage,
           "--prompt or --from-file is needed (--prompt \"\" is the empty prompt)");
  if (arguments.prompt_file) return read_prompt_file(*arguments.prompt_file);
  return {*arguments.prompt};
}

void check_folder(const fs::path& folder) {
  const fs::path named = folder.empty() ? fs::path(".") : folder;
  std::error_code error;
  SD_CHECK(fs::is_directory(named, error), ErrorKind::kOutput, "the output folder ", named.string(),
           fs::exists(named, error) ? " is not a folder" : " does not exist");
  SD_CHECK(::access(named.c_str(), W_OK | X_OK) == 0, ErrorKind::kOutput, "the output folder ",
           named.string(), " cannot be written: ", std::strerror(errno));
}

bool is_taken(const fs::path& path) {
  std::error_code error;
  return fs::exists(fs::symlink_status(path, error));
}

/// Fails where a file is there already.
void check_not_taken(const OutputNames& names, const std::vector<PlannedImage>& images) {
  for (const PlannedImage& image : images) {
    const fs::path path = output_path(names, image.index, image.seed);
    SD_CHECK(!is_taken(path), ErrorKind::kOutput, "the file ", path.string(),
             " is there already (--on-exist overwrite, rename or skip allows that)");
  }
}

/// Where --save-latents puts the latents of `count` images.
OutputNames latents_names(const std::string& option, int64_t count) {
  const fs::path path = option;
  SD_CHECK(path.extension() == ".safetensors", ErrorKind::kUsage,
           "--save-latents expects a name that ends in .safetensors, found '", option, "'");
  const std::string name = path.filename().string();
  SD_CHECK(count == 1 || name.find('{') != name.npos, ErrorKind::kUsage,
           "--save-latents expects a name with {index} or {seed} for ", count, " images, found '",
           option, "'");
  OutputNames names = {OutputKind::kPattern, path.parent_path(), name};
  output_path(names, 0, 0);  // complains about a bad pattern
  check_folder(names.folder);
  return names;
}

void plan_output(const Arguments& arguments, const Host& host, PaintPlan& plan) {
  plan.names = parse_output(arguments.output, static_cast<int>(plan.images.size()));
  plan.on_exist = arguments.on_exist.value_or(default_on_exist(plan.names.kind));
  if (arguments.save_latents) {
    plan.latents = latents_names(*arguments.save_latents, std::ssize(plan.images));
    plan.latents_on_exist = arguments.on_exist.value_or(OnExist::kOverwrite);
    if (plan.latents_on_exist == OnExist::kFail) check_not_taken(*plan.latents, plan.images);
  }
  if (plan.names.kind == OutputKind::kStandardOutput) {
    SD_CHECK(!host.out_is_terminal, ErrorKind::kUsage,
             "-o - writes a PNG file to standard output, which is a terminal: a pipe or file was "
             "expected");
    SD_CHECK(!arguments.json, ErrorKind::kUsage,
             "-o - and --json cannot stand together, both write to standard output");
    return;
  }
  make_output_folder(plan.names);
  check_folder(plan.names.folder);
  if (plan.on_exist == OnExist::kFail) check_not_taken(plan.names, plan.images);
  if (plan.on_exist == OnExist::kSkip) {
    plan.skipped = static_cast<int>(std::erase_if(plan.images, [&](const PlannedImage& image) {
      return is_taken(output_path(plan.names, image.index, image.seed));
    }));
  }
}

}  // namespace

PaintPlan make_paint_plan(const Arguments& arguments, const Host& host) {
  const Request& request = arguments.request;
  SD_CHECK(request.eta == 0 || request.sampler.empty() || request.sampler == "ddim",
           ErrorKind::kUsage, "--eta belongs to --sampler ddim, found --sampler ", request.sampler);
  const Amount amount = find_amount(arguments);
  PaintPlan plan;
  plan.batch_size = amount.batch_size;
  plan.prompts = find_prompts(arguments);
  const int64_t count = amount.repeats * std::ssize(plan.prompts);
  SD_CHECK(count <= kMaxImages, ErrorKind::kUsage, "at most ", kMaxImages,
           " images can be painted at once, ", count, " were asked for");
  const uint64_t first_seed = arguments.seed ? *arguments.seed : host.random_seed();
  SD_CHECK(first_seed <= std::numeric_limits<uint64_t>::max() - static_cast<uint64_t>(count - 1),
           ErrorKind::kUsage, "--seed ", first_seed, " is too large for ", count,
           " images: the last seed would pass 18446744073709551615");
  plan.images.reserve(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    plan.images.push_back({static_cast<int>(i), static_cast<size_t>(i) % plan.prompts.size(),
                           first_seed + static_cast<uint64_t>(i)});
  }
  plan_output(arguments, host, plan);
  return plan;
}

}  // namespace sd
