#include <algorithm>
#include <filesystem>
#include <optional>
#include <ostream>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "sd/error.h"

#include "cli/command.h"
#include "cli/console.h"
#include "cli/model_info.h"
#include "cli/model_path.h"
#include "cli/option_values.h"
#include "cli/picture_info.h"
#include "core/check.h"
#include "io/model_hash.h"
#include "io/read_picture.h"

namespace sd {
namespace {

std::vector<uint8_t> read_file(const std::string& file, const Host& host) {
  const auto is_stopped = [&] { return host.stop_signal() != 0; };
  if (file != "-") return read_input_file(file, is_stopped);
  SD_CHECK(::isatty(STDIN_FILENO) != 1, ErrorKind::kUsage,
           "sd info - reads a picture from standard input, which is a terminal: a pipe or file was "
           "expected");
  return read_standard_input(is_stopped);
}

/// The folder of the model that `name` stands for: a folder, or where nothing of that name is here
/// the name of a model. Nothing for what may be a picture.
std::optional<std::filesystem::path> model_folder(const std::string& name) {
  std::error_code error;
  if (std::filesystem::is_directory(name, error)) return name;
  if (name == "-" || std::filesystem::exists(std::filesystem::symlink_status(name, error))) {
    return std::nullopt;
  }
  const std::vector<std::string> names = known_models();
  if (std::ranges::find(names, name) == names.end()) return std::nullopt;
  return find_model(name).folder;
}

/// What is printed of a model. Errors: kModel, kInterrupted.
std::string model_text(const std::filesystem::path& folder, const Arguments& arguments,
                       const Host& host, Console& console) {
  ModelInfo info = read_model_info(folder, arguments.load.variant);
  const std::vector<std::filesystem::path> files = denoiser_files(folder, arguments.load.variant);
  if (arguments.hash) {
    info.hash = model_hash(files, [&] { return host.stop_signal() != 0; });
    SD_CHECK(host.stop_signal() == 0, ErrorKind::kInterrupted, "stopped");
    if (files.empty()) console.warning(folder.string() + " has no denoising network to hash");
  } else {
    info.hash = remembered_hash(files, hash_cache_folder());
  }
  return arguments.json ? model_info_json(info) + "\n" : print_model_info(info);
}

/// What is printed of a file or folder. Errors: kInput where it is no picture and no model, kModel.
std::string info_text(const std::string& file, const Arguments& arguments, const Host& host,
                      Console& console) {
  if (const auto folder = model_folder(file)) return model_text(*folder, arguments, host, console);
  const PictureInfo info = read_picture_info(read_file(file, host), file);
  if (!info.parameters.warning.empty()) {
    console.warning(concat_text(display_name(file), ": ", info.parameters.warning));
  }
  return arguments.json ? picture_info_json(info) + "\n" : print_picture_info(info);
}

int run_info(const Arguments& arguments, const Host& host, Console& console) {
  SD_CHECK(!arguments.files.empty(), ErrorKind::kUsage,
           "FILE is needed, the name of a picture or a model: sd info picture.png");
  size_t failed = 0;
  bool is_first = true;
  ErrorKind kind = ErrorKind::kInput;
  for (const std::string& file : arguments.files) {
    SD_CHECK(host.stop_signal() == 0, ErrorKind::kInterrupted, "stopped");
    try {
      const std::string text = info_text(file, arguments, host, console);
      if (!std::exchange(is_first, false) && !arguments.json) host.out << '\n';
      host.out << text << std::flush;  // in order with the messages
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kInput && error.kind() != ErrorKind::kModel) throw;
      kind = error.kind();
      ++failed;
      console.error(error.what());
      if (arguments.json) host.out << failed_info_json(file, error.what()) << '\n';
    }
  }
  if (failed == 0) return 0;
  return failed == arguments.files.size() ? exit_code(kind) : 1;
}

OptionGroup model_info_options() {
  static const std::vector<Option> kOptions = [] {
    std::vector<Option> options = {
        {0,
         "hash",
         {},
         "make the SHA-256 of a model's denoising network where it is not known yet",
         takes::flag(&Arguments::hash)}};
    for (const Option& option : model_options().options) {
      if (option.name == "variant") options.push_back(option);
    }
    return options;
  }();
  return {"Models", kOptions};
}

/// Those of all commands but -v, which has nothing to add here.
OptionGroup info_options() {
  static const std::vector<Option> kOptions = [] {
    std::vector<Option> options =
        with_changed(message_options().options, "json", [](Option& option) {
          option.help =
              "print an object on one line for each file, as JSON; sd --help has its keys";
        });
    std::erase_if(options, [](const Option& option) { return option.name == "verbose"; });
    return options;
  }();
  return {"Output and messages", kOptions};
}

}  // namespace

const Command& info_command() {
  static const Command kCommand = {
      .name = "info",
      .summary = "print how a picture was made, or what a model is",
      .synopsis = "FILE|MODEL... [options]",
      .details =
          "Prints format, size and parameters of PNG, JPEG and WebP pictures: of those that sd "
          "painted, and of those of A1111's web UI and all that write as it does, of ComfyUI and "
          "InvokeAI. FILE may be - for standard input; behind -- all is a name of a file. Of a "
          "model in diffusers layout it prints family, components with parameters, dtypes and "
          "sizes, scheduler and prediction type, and what sd does not load.",
      .options = {model_info_options(), info_options()},
      .examples = {"sd info circle.png", "sd info shapes-sd1",
                   "sd info --json out/*.png | jq -r .prompt",
                   "curl -s https://example.org/a.png | sd info -"},
      .run = run_info,
      .takes_files = true};
  return kCommand;
}

}  // namespace sd
