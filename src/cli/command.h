#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "cli/arguments.h"
#include "cli/help_sections.h"
#include "cli/host.h"
#include "cli/options.h"

namespace sd {

class Console;

/// A subcommand.
struct Command {
  std::string_view name;
  std::string_view summary;   ///< one line, no full stop
  std::string_view synopsis;  ///< what must be given
  std::string_view details;   ///< a paragraph for --help
  std::vector<OptionGroup> options;
  std::vector<std::string_view> examples;  ///< whole command lines
  /// Returns the exit code. Errors: any sd::Error.
  int (*run)(const Arguments& arguments, const Host& host, Console& console);
  bool takes_files = false;  ///< whether names of files may stand among the options
  std::span<const std::string_view> operands = {};  ///< what they may be instead of files
  std::span<const std::string_view> actions = {};   ///< what the first of them is, before files
  std::vector<HelpSection> sections = {};           ///< for --help, behind the options
};

const Command& txt2img_command();
const Command& img2img_command();
const Command& batch_command();
const Command& replay_command();
const Command& grid_command();
const Command& manifest_command();
const Command& info_command();
const Command& bench_command();
const Command& eval_command();
const Command& completion_command();

/// All of them, in the order of --help.
std::span<const Command* const> commands();

/// The command of that name or nullptr.
const Command* find_command(std::string_view name);

}  // namespace sd
