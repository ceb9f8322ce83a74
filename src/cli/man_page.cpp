#include "cli/man_page.h"

#include <string_view>

#include "sd/version.h"

#include "cli/command.h"
#include "cli/help.h"
#include "cli/help_sections.h"

namespace sd {
namespace {

/// Text that roff prints as it is: hyphens that can be copied, no macro at the start of a line.
std::string literal(std::string_view text) {
  std::string out;
  if (text.starts_with('.') || text.starts_with('\'')) out += "\\&";
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out;
}

/// As man pages write the titles of sections.
std::string upper_case(std::string_view text) {
  std::string copy(text);
  for (char& c : copy) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return copy;
}

std::string entry(std::string_view term, std::string_view meaning) {
  return ".TP\n.B " + literal(term) + "\n" + literal(meaning) + "\n";
}

std::string section_body(const HelpSection& section) {
  std::string body;
  if (!section.intro.empty()) body += literal(section.intro) + "\n";
  for (const HelpRow& row : section.rows) body += entry(row.term, row.meaning);
  if (section.lines.empty()) return body;
  body += ".PP\n.EX\n";
  for (const std::string_view line : section.lines) body += literal(line) + "\n";
  return body + ".EE\n";
}

}  // namespace

std::string man_page() {
  std::string page = ".TH SD 1 \"\" \"sd " + std::string(kVersion) +
                     "\" \"User Commands\"\n"
                     ".SH NAME\nsd \\- paint pictures with diffusion models\n"
                     ".SH SYNOPSIS\n.B sd\n.I COMMAND\n[options]\n"
                     ".SH DESCRIPTION\nPaints the picture that Python's diffusers paints from the "
                     "same weights and seed.\nResults go to standard output, all else to standard "
                     "error.\n"
                     ".SH COMMANDS\n";
  for (const Command* command : commands()) page += entry(command->name, command->summary);
  for (const Command* command : commands()) {
    page += ".SH \"SD " + literal(command->name) + "\"\n.B sd " + literal(command->name) + "\n" +
            literal(command->synopsis) + "\n.PP\n" + literal(command->details) + "\n";
    for (const OptionGroup& group : command->options) {
      page += ".SS \"" + literal(group.title) + "\"\n";
      for (const Option& option : group.options) {
        page += entry(option_heading(option), option_help(option));
      }
    }
    for (const HelpSection& section : command->sections) {
      page += ".SS \"" + literal(section.title) + "\"\n" + section_body(section);
    }
    page += ".SS \"Examples\"\n";
    for (const std::string_view example : command->examples) {
      page += ".PP\n.EX\n" + literal(example) + "\n.EE\n";
    }
  }
  for (const HelpSection& section : help_sections()) {
    page += ".SH \"" + literal(upper_case(section.title)) + "\"\n" + section_body(section);
  }
  return page;
}

}  // namespace sd
