#include <array>
#include <ostream>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "cli/completion.h"
#include "cli/model_path.h"
#include "core/check.h"
#include "jobs/parse_value.h"

namespace sd {
namespace {

constexpr std::array<std::string_view, 4> kTopics = {"bash", "zsh", "fish", "models"};

int run_completion(const Arguments& arguments, const Host& host, Console& /*console*/) {
  SD_CHECK(!arguments.files.empty(), ErrorKind::kUsage, "SHELL is needed, one of ",
           print_choices(kTopics), ": sd completion bash");
  SD_CHECK(arguments.files.size() == 1, ErrorKind::kUsage,
           "sd completion takes one name, found also '", arguments.files[1], "'");
  const std::string topic = parse_choice("sd completion", arguments.files[0], kTopics);
  if (topic == "bash") host.out << bash_completion();
  if (topic == "zsh") host.out << zsh_completion();
  if (topic == "fish") host.out << fish_completion();
  if (topic == "models") {
    for (const std::string& name : known_models()) host.out << name << '\n';
  }
  return 0;
}

/// --help and --version.
OptionGroup completion_options() {
  static const std::vector<Option> kOptions = [] {
    std::vector<Option> options;
    for (const Option& option : message_options().options) {
      if (option.name == "help" || option.name == "version") options.push_back(option);
    }
    return options;
  }();
  return {"Options", kOptions};
}

}  // namespace

const Command& completion_command() {
  static const Command kCommand = {
      .name = "completion",
      .summary = "print a script that teaches a shell to complete sd's commands and options",
      .synopsis = "bash|zsh|fish|models",
      .details =
          "Prints the script for the shell. For models it prints the names that -m takes without "
          "a path, which the scripts ask for.",
      .options = {completion_options()},
      .examples = {"source <(sd completion bash)",
                   "sd completion zsh > ~/.zfunc/_sd  # in a folder of $fpath",
                   "sd completion fish > ~/.config/fish/completions/sd.fish"},
      .run = run_completion,
      .takes_files = true,
      .operands = kTopics};
  return kCommand;
}

}  // namespace sd
