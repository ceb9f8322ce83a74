#include "cli/help.h"

#include <algorithm>
#include <cstddef>

#include "sd/version.h"

#include "cli/help_sections.h"
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
  if (line.size() + 1 > kIndent) {
    line += "\n" + std::string(kIndent, ' ');
  } else {
    line.resize(kIndent, ' ');
  }
  return line + wrapped(right, kIndent) + "\n";
}

std::string print_section(const HelpSection& section) {
  std::string text = concat_text("\n", section.title, ":\n");
  if (!section.intro.empty()) text += "  " + wrapped(section.intro, 2) + "\n";
  for (const HelpRow& entry : section.rows) text += row(entry.term, entry.meaning);
  for (const std::string_view line : section.lines) text += concat_text("    ", line, "\n");
  return text;
}

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
  std::string note = option.takes.allowed;
  if (!option.standard.empty()) {
    note += concat_text(note.empty() ? "" : "; ", "default: ", option.standard);
  }
  return note.empty() ? std::string(option.help) : concat_text(option.help, " (", note, ")");
}

std::string short_usage() {
  std::string text =
      "Usage: sd COMMAND [options], for example: sd txt2img -p \"a red circle\"\n\nCommands:\n";
  for (const Command* command : commands()) text += row(command->name, command->summary);
  return text + "\nMore: sd --help, and sd COMMAND --help for the options of a command\n";
}

std::string overview_help() {
  std::string text =
      "Usage: sd COMMAND [options], for example: sd txt2img -p \"a red circle\"\n\n"
      "Paints pictures with diffusion models, the same as Python's diffusers does from the same\n"
      "weights and seed. Paths of pictures go to standard output, messages to standard error.\n\n"
      "Commands:\n";
  for (const Command* command : commands()) text += row(command->name, command->summary);
  text += row("help [COMMAND]", "the same as --help") + row("man", "this help as a man page") +
          row("version", "the same as --version") + "\nOptions:\n" +
          row("-h, --help", "this help; sd COMMAND --help shows its options") +
          row("-V, --version", "versions of sd and of what it is built with");
  for (const HelpSection& section : help_sections()) text += print_section(section);
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
  for (const HelpSection& section : command.sections) text += print_section(section);
  text +=
      "\nIn names _ and - are one. Of an option given twice the last one counts, unless it says "
      "otherwise.\n"
      "Names of images, keys of --json, environment and exit codes: sd --help\n\nExamples:\n";
  for (const std::string_view example : command.examples) text += concat_text("  ", example, "\n");
  return text;
}

std::string version_text() {
  const std::string cuda = kCudaVersion;
  return std::string("sd ") + kVersion + "\nlibtorch " + kTorchVersion +
         (cuda.empty() ? ", without CUDA" : ", CUDA " + cuda) + "\n" + kBuild + "\n";
}

}  // namespace sd
