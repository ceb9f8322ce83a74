#include "cli/batch_options.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "cli/option_values.h"
#include "jobs/job_format.h"

namespace sd {
namespace {

using namespace takes;
using Options = std::vector<Option>;

constexpr int kMaxLookahead = 100000;
constexpr auto kJobFormats = [] {
  std::array<std::string_view, kJobFormatNames.size()> names;
  std::ranges::transform(kJobFormatNames, names.begin(), [](const auto& row) { return row.first; });
  return names;
}();

std::optional<int> parse_batch_size(std::string_view flag, const std::string& text) {
  if (text == "auto") return std::nullopt;
  return static_cast<int>(parse_integer(flag, text, 1, kMaxBatch));
}

}  // namespace

std::vector<Option> picked_options(const OptionGroup& group,
                                   std::initializer_list<std::string_view> names) {
  Options options;
  for (const std::string_view name : names) {
    options.push_back(*std::ranges::find(group.options, name, &Option::name));
  }
  return options;
}

OptionGroup batch_job_options() {
  static const Options kOptions = [] {
    Options options = picked_options(
        prompt_options(), {"prompt", "negative-prompt", "negative-preset", "prompt-2", "prompt-3",
                           "negative-prompt-2", "negative-prompt-3"});
    for (const Option& option : sampling_options().options) options.push_back(option);
    for (const Option& option : init_options().options) options.push_back(option);
    return options;
  }();
  return {"What jobs take that say nothing themselves", kOptions};
}

OptionGroup batch_number_options() {
  static const Options kOptions = [] {
    Options options = picked_options(amount_options(), {"seed", "count", "batch-size"});
    options[0].help =
        "seed of the first picture of the file; picture i takes N+i where its job names none";
    options[0].standard = "a random one, printed and kept in the manifest";
    options[1].help = "pictures of each job that does not say how many";
    options[2].value = "B|auto";
    options[2].takes = parsed(&Arguments::batch_size, "auto or 1 to 4096", parse_batch_size);
    options[2].standard = "auto: as many as speed and memory speak for";
    return options;
  }();
  return {"Seeds and numbers", kOptions};
}

OptionGroup batch_place_options() {
  static const Options kOptions = [] {
    Options options = picked_options(output_options(), {"output", "format", "quality", "on-exist"});
    options[0].value = "FOLDER";
    options[0].help =
        "folder of the pictures and of the manifest, or FOLDER/PATTERN: {index:05}, {seed}, "
        "{prompt:40}, {sampler}, {steps}, {scale}, {width}, {height}, {model}, {date} and A1111's "
        "[seed] stand for what a picture is made of, and / makes sub-folders";
    options[0].standard = "it must be given; the pattern is {index:05}";
    options[1].help = "format of pictures whose names do not say it";
    options[3].standard = "error, before anything is painted";
    return options;
  }();
  return {"Output", kOptions};
}

OptionGroup batch_run_options() {
  static const Options kOptions = {
      {0, "job-format", "NAME", "format of the job file",
       choice(&BatchArguments::job_format, kJobFormats), "found by its content"},
      {0,
       "dry-run",
       {},
       "print what would be painted, and paint nothing",
       flag(&BatchArguments::dry_run)},
      {0,
       "resume",
       {},
       "paint only what is missing: pictures that the manifest of the folder holds, whose job is "
       "the same and whose file is whole, are left alone",
       flag(&BatchArguments::resume)},
      {0,
       "fail-fast",
       {},
       "end with the first job that fails, in place of going on",
       flag(&BatchArguments::fail_fast)},
      {0, "lookahead", "N", "pictures that are read ahead, and may share a batch",
       whole(&BatchArguments::lookahead, 1, kMaxLookahead), "256"},
      {0, "shard", "I/N",
       "of N processes this is number I, from 0: every Nth picture. */N takes I from the "
       "environment",
       text(&BatchArguments::shard),
       "as torchrun, Slurm, MPI, Kubernetes and others say in the environment"},
      {0,
       "claim",
       {},
       "share the folder with other processes, of other machines too: each takes what nobody has "
       "taken yet",
       flag(&BatchArguments::claim)},
      {0, "devices", "LIST", "one process for each of these GPUs, \"0,1,2\" say",
       text(&BatchArguments::devices), "this process alone"},
      {0,
       "dynamic",
       {},
       "expand {a|b}, {2$$a|b|c} and __wildcards__ in prompts, by the seed of the picture",
       flag(&BatchArguments::dynamic)},
      {0, "wildcards", "FOLDER", "folder of the files that __name__ means",
       path(&BatchArguments::wildcards), "wildcards beside the job file"},
  };
  return {"The run", kOptions};
}

std::vector<OptionGroup> batch_option_groups() {
  return {batch_job_options(), batch_number_options(), batch_place_options(),
          batch_run_options(), model_options(),        message_options()};
}

}  // namespace sd
