#include "cli/help.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "sd/version.h"

#include "core/check.h"

namespace sd {
namespace {

constexpr size_t kColumns = 90;
constexpr size_t kIndent = 28;  // where the second column begins

/// `text` in lines that end before kColumns, all but the first indented.
std::string wrapped(std::string_view text, size_t indent) {
  std::string lines;
  size_t column = indent;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    if (column > indent && column + 1 + word.size() > kColumns) {
      lines.append("\n").append(indent, ' ');
      column = indent;
    } else if (column > indent) {
      lines += ' ';
      ++column;
    }
    lines += word;
    column += word.size();
    text.remove_prefix(std::min(word.size() + 1, text.size()));
  }
  return lines;
}

std::string row(std::string_view left, std::string_view right) {
  std::string line = "  " + std::string(left);
  if (line.size() + 2 > kIndent) {
    line += "\n" + std::string(kIndent, ' ');
  } else {
    line.resize(kIndent, ' ');
  }
  return line + wrapped(right, kIndent) + "\n";
}

constexpr std::array<ExitCodeRow, 12> kExitCodes = {{
    {"0", "all done"},
    {"1", "some images failed, the others are there"},
    {"2", "wrong option, value or file of prompts"},
    {"3", "model unreadable or unsupported"},
    {"4", "input picture or latents unreadable"},
    {"5", "output not writable, or disk full"},
    {"6", "out of memory"},
    {"7", "numerical failure: not a number in latents or picture"},
    {"70", "internal error, a mistake in sd"},
    {"75", "temporary failure, worth trying again"},
    {"130", "stopped by SIGINT"},
    {"143", "stopped by SIGTERM"},
}};

constexpr std::array<EnvironmentRow, 4> kEnvironment = {{
    {"SD_MODELS", "folder of models that -m finds by name"},
    {"HF_HUB_CACHE", "Hugging Face cache in which -m finds ORG/NAME"},
    {"HF_HOME", "folder whose hub/ is that cache, where HF_HUB_CACHE is not set"},
    {"NO_COLOR", "where set and not empty: no colours"},
}};

}  // namespace

std::string option_heading(const Option& option) {
  std::string heading;
  if (option.letter != 0) heading = std::string("-") + option.letter + ", ";
  heading += "--" + std::string(option.name);
  if (!option.alias.empty()) heading += ", --" + std::string(option.alias);
  if (!option.value.empty()) heading += concat_text(" ", option.value);
  return heading;
}

std::string option_help(const Option& option) {
  std::string help(option.help);
  if (!option.standard.empty()) help += " (default: " + std::string(option.standard) + ")";
  return help;
}

std::string short_usage() {
  return "Usage: sd COMMAND [options], for example: sd txt2img -p \"a red circle\"\n"
         "See sd --help.\n";
}

std::string overview_help() {
  std::string text =
      "Usage: sd COMMAND [options]\n\n"
      "Paints pictures with diffusion models, the same as Python's diffusers does from the same\n"
      "weights and seed.\n\nCommands:\n";
  for (const Command* command : commands()) text += row(command->name, command->summary);
  text += row("help [COMMAND]", "the same as --help");
  text += "\nOptions:\n" + row("-h, --help", "this help; sd COMMAND --help shows its options") +
          row("-V, --version", "versions of sd and of what it is built with");
  text += "\nEnvironment:\n";
  for (const EnvironmentRow& variable : kEnvironment) text += row(variable.name, variable.meaning);
  text += "\nExit codes:\n";
  for (const ExitCodeRow& code : kExitCodes) text += row(code.code, code.meaning);
  return text;
}

std::string command_help(const Command& command) {
  std::string text = "Usage: sd " + std::string(command.name) + " " +
                     std::string(command.synopsis) + "\n\n" + wrapped(command.details, 0) + "\n";
  for (const OptionGroup& group : command.options) {
    text += concat_text("\n", group.title, ":\n");
    for (const Option& option : group.options)
      text += row(option_heading(option), option_help(option));
  }
  text +=
      "\nIn names _ and - are one. Of an option given twice the last one counts.\n\nExamples:\n";
  for (const std::string_view example : command.examples) text += concat_text("  ", example, "\n");
  return text;
}

std::string version_text() {
  const std::string cuda = kCudaVersion;
  return std::string("sd ") + kVersion + "\nlibtorch " + kTorchVersion +
         (cuda.empty() ? ", without CUDA" : ", CUDA " + cuda) + "\n" + kBuild + "\n";
}

std::span<const ExitCodeRow> exit_code_rows() { return kExitCodes; }
std::span<const EnvironmentRow> environment_rows() { return kEnvironment; }

}  // namespace sd
