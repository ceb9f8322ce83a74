#include <algorithm>
#include <array>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "cli/command.h"
#include "cli/console.h"
#include "cli/manifest_report.h"
#include "cli/result_stream.h"
#include "core/check.h"
#include "jobs/merge_manifests.h"
#include "jobs/parse_value.h"
#include "jobs/verify_manifest.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 2> kActions = {"merge", "verify"};

int merge(const std::vector<fs::path>& inputs, const Arguments& arguments, const Host& host,
          Console& console) {
  SD_CHECK(arguments.output && *arguments.output != "-", ErrorKind::kUsage,
           "--output FILE is needed, the manifest to write: sd manifest merge out/ -o all.jsonl");
  const fs::path file = *arguments.output;
  const MergedManifest merged =
      merge_manifests(inputs, file, arguments.on_exist.value_or(OnExist::kFail));
  console.note(concat_text("merged ", merged.manifests,
                           merged.manifests == 1 ? " manifest: " : " manifests: ", merged.images,
                           merged.images == 1 ? " picture" : " pictures", ", ", merged.failures,
                           " failed"));
  print_result(host, (arguments.json ? merged_manifest_json(file, merged) : file.string()) + "\n");
  return 0;
}

int verify(const std::vector<fs::path>& inputs, const Arguments& arguments, const Host& host) {
  SD_CHECK(!arguments.output && !arguments.on_exist, ErrorKind::kUsage,
           "sd manifest verify writes nothing, found --", arguments.output ? "output" : "on-exist");
  SD_CHECK(inputs.size() == 1, ErrorKind::kUsage, "sd manifest verify expects one folder, found ",
           inputs.size());
  const fs::path& folder = inputs.front();
  std::error_code error;
  SD_CHECK(fs::is_directory(folder, error), ErrorKind::kUsage,
           "sd manifest verify expects the folder of the pictures and their manifest, found ",
           fs::exists(folder, error) ? "the file '" : "nothing at '", folder.string(), "'");
  const ManifestReport report = verify_manifest(folder, [&] { return host.stop_signal() != 0; });
  print_result(host, arguments.json ? manifest_report_json(folder, report) + "\n"
                                    : print_manifest_report(folder, report));
  return report.is_sound() ? 0 : 1;
}

int run_manifest(const Arguments& arguments, const Host& host, Console& console) {
  SD_CHECK(!arguments.files.empty(), ErrorKind::kUsage,
           "merge or verify is needed, what to do: sd manifest verify out/");
  const std::string action = parse_choice("sd manifest", arguments.files.front(), kActions);
  std::vector<fs::path> inputs(arguments.files.begin() + 1, arguments.files.end());
  if (inputs.empty()) inputs = {"."};
  return action == "merge" ? merge(inputs, arguments, host, console)
                           : verify(inputs, arguments, host);
}

OptionGroup merge_options() {
  static const std::vector<Option> kOptions = [] {
    std::vector<Option> options;
    for (const Option& option : output_options().options) {
      if (option.name == "output" || option.name == "on-exist") options.push_back(option);
    }
    Option& output = options[0];
    output.value = "FILE";
    output.help = "the manifest to write; it may be one of those that are read";
    output.standard = {};
    Option& on_exist = options[1];
    on_exist.help = "where the file is there already: overwrite it, or end with an error";
    on_exist.standard = "error";
    on_exist.takes.allowed = "overwrite or error";
    on_exist.takes.words = {"overwrite", "error"};
    on_exist.takes.set = [](Arguments& arguments, std::string_view flag, const std::string& text) {
      constexpr std::array<std::string_view, 2> kWords = {"overwrite", "error"};
      const bool overwrites = parse_choice(flag, text, kWords) == kWords[0];
      arguments.on_exist = overwrites ? OnExist::kOverwrite : OnExist::kFail;
    };
    return options;
  }();
  return {"Merging", kOptions};
}

OptionGroup manifest_message_options() {
  static const std::vector<Option> kOptions = [] {
    std::vector<Option> options =
        with_changed(message_options().options, "json", [](Option& option) {
          option.help = "on standard output one JSON object in place of text; its keys are below";
        });
    std::erase_if(options, [](const Option& option) { return option.name == "verbose"; });
    return options;
  }();
  return {"Output and messages", kOptions};
}

}  // namespace

const Command& manifest_command() {
  static const Command kCommand = {
      .name = "manifest",
      .summary = "merge the manifests of several processes, or check pictures by them",
      .synopsis = "merge [FOLDER|FILE...] -o FILE | verify [FOLDER]",
      .details =
          "merge makes one manifest of those of all processes that shared a job file: one line for "
          "each picture, in the order of the jobs. verify reads every manifest of a folder and "
          "every picture that they name: it says which are missing, failed, gone, damaged or made "
          "twice, and ends with 1 where there is any. Without FOLDER the current one is meant.",
      .options = {merge_options(), manifest_message_options()},
      .examples = {"sd manifest verify out/", "sd manifest merge out/ -o out/manifest.jsonl",
                   "sd manifest merge node1/ node2/manifest.jsonl -o all.jsonl",
                   "sd manifest verify out/ --json | jq .missing"},
      .run = run_manifest,
      .takes_files = true,
      .actions = kActions,
      .sections = {{"Keys of --json", "One object on one line.", manifest_keys()}}};
  return kCommand;
}

}  // namespace sd
