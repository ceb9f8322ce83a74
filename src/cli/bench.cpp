#include <ostream>
#include <string_view>

#include "cli/bench_report.h"
#include "cli/command.h"
#include "cli/console.h"
#include "cli/model_path.h"
#include "cli/option_values.h"
#include "cli/progress.h"
#include "core/check.h"
#include "io/atomic_file.h"
#include "io/png.h"
#include "jobs/output_name.h"

namespace sd {
namespace {

constexpr int kUsualRounds = 3;
constexpr std::string_view kPrompt = "a red circle on a blue background";

/// Writes the pictures into a folder for temporary files, and takes them away again.
double seconds_to_save(const std::vector<Painted>& painted, const Host& host) {
  const double start = host.seconds();
  const std::filesystem::path folder = std::filesystem::temp_directory_path();
  std::vector<std::filesystem::path> files;
  for (const Painted& image : painted) {
    const auto file =
        write_file_atomically(folder / "sd-bench.png", encode_png(image.picture), OnExist::kRename);
    if (file) files.push_back(*file);
  }
  const double seconds = host.seconds() - start;
  std::error_code error;
  for (const std::filesystem::path& file : files) std::filesystem::remove(file, error);
  return seconds;
}

/// The requests of a round. Prompts that were encoded before would cost nothing, so each round has
/// others.
std::vector<Request> requests_of(int round, int batch_size, const Arguments& arguments) {
  const std::string mark = round == 0 ? "" : concat_text(" ", round);
  std::vector<Request> requests(static_cast<size_t>(batch_size), arguments.request);
  for (size_t i = 0; i < requests.size(); ++i) {
    requests[i].prompt = arguments.prompt.value_or(std::string(kPrompt)) + mark;
    requests[i].negative_prompt += mark;
    requests[i].seed = arguments.seed.value_or(0) + i;
  }
  return requests;
}

/// Of all images, whether they were computed together or one after another.
Timings sum_timings(const std::vector<Painted>& painted) {
  Timings sum;
  for (const Painted& image : painted) {
    sum.encode += image.timings.encode / image.batch_size;
    sum.denoise += image.timings.denoise / image.batch_size;
    sum.decode += image.timings.decode / image.batch_size;
  }
  return sum;
}

int run_bench(const Arguments& arguments, const Host& host, Console& console) {
  check_skip_layers(arguments);
  LoadOptions options = arguments.load;
  if (options.model.empty()) options.model = kDefaultModel;
  const ModelPath model = find_model(options.model);
  options.model = model.folder.string();
  BenchResult result;
  result.model = model.name;
  result.batch_size = arguments.batch_size.value_or(1);
  Progress progress(host, console);
  const double start = host.seconds();
  const std::unique_ptr<Pipeline> pipeline = host.load(options, progress);
  result.load = host.seconds() - start;

  const int rounds = arguments.rounds.value_or(kUsualRounds);
  for (int round = 0; round < rounds; ++round) {
    progress.set_subject(concat_text("round ", round + 1, " of ", rounds));
    const std::vector<Painted> painted =
        pipeline->paint(requests_of(round, result.batch_size, arguments), progress);
    result.settings = painted.at(0).settings;
    const Timings timings = sum_timings(painted);
    result.rounds.push_back(
        {timings.encode, timings.denoise, timings.decode, seconds_to_save(painted, host)});
  }
  result.peak_memory = host.peak_memory();
  console.clear_live_line();
  host.out << (arguments.json ? bench_json(result) + "\n" : print_bench(result)) << std::flush;
  return 0;
}

OptionGroup bench_options() {
  static const std::vector<Option> kOptions = {
      {0, "rounds", "N", "how often to paint; the first round is shown by itself",
       takes::whole(&Arguments::rounds, 1, kMaxImages), "3"},
      {0, "batch-size", "B", "images at once", takes::whole(&Arguments::batch_size, 1, kMaxBatch),
       "1"},
      {'p', "prompt", "TEXT", "what to paint", takes::text(&Arguments::prompt), kPrompt},
      {'s', "seed", "N", "seed of the first image of each round",
       takes::parsed(&Arguments::seed, "", parse_seed), "0"},
  };
  return {"Rounds", kOptions};
}

OptionGroup bench_message_options() {
  static const std::vector<Option> kOptions =
      with_changed(message_options().options, "json", [](Option& option) {
        option.help =
            "print an object on one line, as JSON, in place of the table; sd --help has its keys";
      });
  return {message_options().title, kOptions};
}

}  // namespace

const Command& bench_command() {
  static const Command kCommand = {
      .name = "bench",
      .summary = "measure how fast a model paints here",
      .synopsis = "[-m MODEL] [options]",
      .details =
          "Loads the model, paints the same pictures several times and prints the seconds of each "
          "part, and the most memory that the process held. Nothing is kept.",
      .options = {bench_options(), sampling_options(), model_options(), bench_message_options()},
      .examples = {"sd bench --steps 30",
                   "sd bench -m ./stable-diffusion-v1-5 --steps 10 --dtype bf16 --json"},
      .run = run_bench};
  return kCommand;
}

}  // namespace sd
