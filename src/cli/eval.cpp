#include <algorithm>
#include <array>
#include <filesystem>
#include <iomanip>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "cli/batch_options.h"
#include "cli/bound_report.h"
#include "cli/command.h"
#include "cli/console.h"
#include "cli/model_path.h"
#include "cli/option_values.h"
#include "cli/progress.h"
#include "cli/result_stream.h"
#include "cli/start_pictures.h"
#include "core/check.h"
#include "io/atomic_file.h"
#include "io/latents_file.h"
#include "io/png.h"
#include "io/utf8.h"
#include "jobs/job_text.h"
#include "jobs/output_name.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 1> kActions = {"vlb"};
constexpr std::string_view kAllTimes = "all";
constexpr std::array<std::string_view, 2> kTables = {".csv", ".json"};

EvalTimes parse_times(std::string_view flag, const std::string& text) {
  if (lower_case(text) == kAllTimes) return {.count = 0};
  if (text.find(',') == text.npos) {
    return {.count = static_cast<int>(parse_integer(flag, text, 2, kMaxSteps))};
  }
  EvalTimes times;
  std::string_view rest = text;
  for (bool is_more = true; is_more;) {
    const size_t comma = rest.find(',');
    times.list.push_back(
        static_cast<int>(parse_integer(flag, trim(rest.substr(0, comma)), 0, kMaxSteps - 1)));
    is_more = comma != rest.npos;
    if (is_more) rest.remove_prefix(comma + 1);
  }
  std::vector<int> sorted = times.list;
  std::ranges::sort(sorted);
  const auto equal = std::ranges::adjacent_find(sorted);
  SD_CHECK(equal == sorted.end(), ErrorKind::kUsage, flag, " expects different times, found ",
           *equal, " twice");
  return times;
}

/// The picture's name: of --init-img, --init-latents or behind vlb.
std::string image_name(const Arguments& arguments) {
  std::vector<std::string> names(arguments.files.begin() + 1, arguments.files.end());
  for (const auto& name : {arguments.init_image, arguments.init_latents}) {
    if (name) names.push_back(*name);
  }
  SD_CHECK(!names.empty(), ErrorKind::kUsage,
           "--init-img FILE is needed, the picture to evaluate: sd eval vlb --init-img a.png");
  SD_CHECK(names.size() == 1, ErrorKind::kUsage, "sd eval vlb expects one picture, found '",
           names[0], "' and '", names[1], "'");
  return names.front();
}

/// Errors: kUsage, and kOutput where it cannot be written.
void check_table(const std::string& path) {
  const std::string extension = lower_case(fs::path(path).extension().string());
  SD_CHECK(std::ranges::find(kTables, extension) != kTables.end(), ErrorKind::kUsage,
           "--output expects a name that ends in .csv or .json, found '", path, "'");
  check_file_can_be_written(path, OnExist::kOverwrite);
}

void write_table(const std::string& path, const BoundReport& report) {
  const bool is_csv = lower_case(fs::path(path).extension().string()) == kTables[0];
  const std::string text = is_csv ? bound_csv(report) : bound_json(report) + "\n";
  write_file_atomically(path, {reinterpret_cast<const uint8_t*>(text.data()), text.size()},
                        OnExist::kOverwrite);
}

/// out/x0-0999.png
fs::path x0_path(const fs::path& folder, int time) {
  constexpr int kDigits = 4;
  std::ostringstream name;
  name << "x0-" << std::setfill('0') << std::setw(kDigits) << time << ".png";
  return folder / name.str();
}

/// Reads the picture or its latents.
void read_image(const Arguments& arguments, const std::string& name, Request& request,
                const Host& host, Console& console) {
  if (arguments.init_latents) {
    request.init_latents = read_latents(name);
  } else {
    request.init_image = StartPictures(console).read(name, host);
  }
}

int run_vlb(const Arguments& arguments, const Host& host, Console& console) {
  const std::string image = image_name(arguments);
  SD_CHECK(arguments.prompt, ErrorKind::kUsage,
           "--prompt TEXT is needed, what the picture shows (it may be empty)");
  SD_CHECK(!arguments.load.model.empty(), ErrorKind::kUsage,
           "--model is needed, one whose network learned a variance, HunyuanDiT say");
  const ModelPath model = find_model(arguments.load.model);
  if (arguments.output) check_table(*arguments.output);
  const fs::path x0_folder = arguments.eval.x0_folder;
  if (!x0_folder.empty()) check_folder_takes_files(x0_folder);

  BoundReport report = {.model = model.name,
                        .image = image,
                        .prompt = *arguments.prompt,
                        .seed = arguments.seed ? *arguments.seed : host.random_seed(),
                        .clip_denoised = arguments.eval.clip_denoised,
                        .bound = {}};
  if (!arguments.seed) console.note(concat_text("seed ", report.seed));
  BoundRequest request = {.image = arguments.request,
                          .times = arguments.eval.times.count,
                          .time_list = arguments.eval.times.list,
                          .clip_denoised = report.clip_denoised,
                          .batch_size = arguments.batch_size.value_or(1)};
  request.image.prompt = report.prompt;
  request.image.seed = report.seed;
  read_image(arguments, image, request.image, host, console);
  NewFolders folders;
  if (!x0_folder.empty()) {
    request.on_x0 = [&](int time, const Picture& picture) {
      folders.make(x0_folder);
      write_file_atomically(x0_path(x0_folder, time), encode_png(picture), OnExist::kOverwrite);
    };
  }

  LoadOptions options = arguments.load;
  options.model = model.folder.string();
  options.defer_weights = true;  // what is wrong with the request is said before the long read
  Progress progress(host, console);
  const std::unique_ptr<Pipeline> pipeline = host.load(options, progress);
  report.bound = pipeline->evaluate_bound(request, progress);
  console.clear_live_line();
  const Timings& timings = report.bound.timings;
  console.detail(concat_text("encoded in ", timings.encode, " s, evaluated in ", timings.denoise,
                             " s: ", report.bound.terms.size(), " times"));
  if (arguments.output) write_table(*arguments.output, report);
  print_result(host, arguments.json ? bound_json(report) + "\n" : print_bound(report));
  return 0;
}

int run_eval(const Arguments& arguments, const Host& host, Console& console) {
  SD_CHECK(!arguments.files.empty(), ErrorKind::kUsage,
           "vlb is needed, what to evaluate: sd eval vlb --init-img a.png -p TEXT -m MODEL");
  parse_choice("sd eval", arguments.files.front(), kActions);
  return run_vlb(arguments, host, console);
}

OptionGroup eval_picture_options() {
  static const std::vector<Option> kOptions = [] {
    std::vector<Option> options = picked_options(init_options(), {"init-img", "init-latents"});
    options[0].help =
        "the picture to evaluate, which may also stand behind vlb: PNG, JPEG, BMP, WebP, or GIF "
        "(its first frame); - for standard input. It is resized as img2img does it: to -W and -H, "
        "else to its own size, rounded down to what the model can paint";
    options[0].alias = "image";
    for (const Option& option : picked_options(prompt_options(), {"prompt"})) {
      options.push_back(option);
    }
    for (const Option& option : picked_options(
             sampling_options(),
             {"width", "height", "resolution-binning", "no-resolution-binning", "clip-skip",
              "original-size", "target-size", "crop", "rope-grid", "rounded-times"})) {
      options.push_back(option);
      if (option.name == "width" || option.name == "height") {
        options.back().standard = "the picture's, rounded down";
      }
    }
    options.push_back(picked_options(amount_options(), {"seed"})[0]);
    options.back().help =
        "seed of one generator, which draws the autoencoder's posterior first, then the noise of "
        "each time in the order of the table, the latest first";
    options.back().standard = "a random one, printed";
    return options;
  }();
  return {"Picture", kOptions};
}

OptionGroup eval_time_options() {
  static const std::vector<Option> kOptions = [] {
    std::vector<Option> options = {
        {0, "timesteps", "all|N|LIST",
         "times of the training that are evaluated, a call of the network each. all: every one, "
         "for the exact bound; N: that many from 0 to the last, denser near 0; LIST: those, "
         "0,10,500 say. Which N takes, and what the others count for, is below",
         takes::proposing(
             std::array{kAllTimes},
             takes::parsed(&EvalArguments::times,
                           concat_text("all, 2 to ", kMaxSteps, " or a list"), parse_times)),
         "20"},
        {0,
         "clip-denoised",
         {},
         "clamp the clean latents that the network predicts to -1 to 1, as the original program of "
         "HunyuanDiT does",
         takes::flag(&EvalArguments::clip_denoised),
         "on"},
        {0,
         "no-clip-denoised",
         {},
         "take them as they are",
         takes::flag(&EvalArguments::clip_denoised, false)},
        picked_options(amount_options(), {"batch-size"})[0],
        {0, "save-x0", "FOLDER",
         "the predicted clean latents of each time, decoded, as x0-TIME.png in FOLDER, which is "
         "made where it is missing",
         takes::path(&EvalArguments::x0_folder)},
        {'o', "output", "FILE",
         "write the table there, too: FILE.csv has the rows, FILE.json all that --json prints",
         takes::path(&Arguments::output)},
    };
    options[3].help = "times at once; changes speed and memory, and numbers by rounding alone";
    return options;
  }();
  return {"Times and output", kOptions};
}

OptionGroup eval_model_options() {
  static const std::vector<Option> kOptions =
      with_changed(model_options().options, "model", [](Option& option) {
        option.help =
            "a folder in diffusers layout, the name of one in $SD_MODELS or of one that comes "
            "with sd, or ORG/NAME in the Hugging Face cache: a model whose network learned a "
            "variance";
        option.standard = {};
      });
  return {model_options().title, kOptions};
}

OptionGroup eval_message_options() {
  static const std::vector<Option> kOptions =
      with_changed(message_options().options, "json", [](Option& option) {
        option.help =
            "on standard output one JSON object in place of the table; its keys are below";
      });
  return {message_options().title, kOptions};
}

std::vector<HelpSection> eval_sections() {
  return {
      {"What is evaluated",
       "",
       {{"latents",
         "those that img2img would start from: drawn from the autoencoder's posterior, "
         "scaled as the network knows them; bits are per number of theirs"},
        {"bits/dim",
         "at times above 0 the KL divergence of the true posterior of the step and the model's, at "
         "time 0 the negative log likelihood of the latents, whose range -1 to 1 is cut into 256 "
         "values, bins 2/255 wide, the outermost ones without end; the network is given the prompt "
         "and no guidance. Betas and what the network predicts are those of the folder's "
         "scheduler"},
        {"mse", "squared error of the noise that the predicted clean latents imply"},
        {"x0 error", "squared error of the predicted clean latents"},
        {"prior", "KL divergence of the latents at the last time and pure noise"},
        {"total", "prior + bits/dim of all times: the variational bound"}}},
      {"Which times",
       "",
       {{"N",
         "time i, from 0, is (i / (N-1))^2 x the last time, rounded, and at least i: the terms "
         "of the bound are large near 0"},
        {"weight",
         "how many times a row stands for: itself and those that it is the nearest to, "
         "the smaller of two; time 0 stands for itself alone"},
        {"estimate",
         "the sum of weight x bits/dim, and the means of the errors by weight; with "
         "all every weight is 1, and nothing is estimated"}}},
      {"Keys of --json", "One object on one line.", bound_keys()},
  };
}

}  // namespace

const Command& eval_command() {
  static const Command kCommand = {
      .name = "eval",
      .summary = "judge a picture by a model: its variational bound",
      .synopsis = "vlb --init-img FILE -p TEXT -m MODEL [options]",
      .details =
          "vlb prints the variational bound of a picture and its prompt, in bits per dimension, "
          "time by time and in all: how well a model that learned a variance explains the "
          "picture. It calls the network once for each time.",
      .options = {eval_picture_options(), eval_time_options(), eval_model_options(),
                  eval_message_options()},
      .examples = {"sd eval vlb --init-img cat.png -p \"a cat\" -m ./HunyuanDiT -s 0",
                   "sd eval vlb cat.png -p \"a cat\" -m ./HunyuanDiT --timesteps all -o cat.csv",
                   "sd eval vlb cat.png -p \"a cat\" -m ./HunyuanDiT --timesteps 0,10,100,500,999 "
                   "--save-x0 steps/ --json | jq .total_bpd"},
      .run = run_eval,
      .takes_files = true,
      .actions = kActions,
      .sections = eval_sections()};
  return kCommand;
}

}  // namespace sd
