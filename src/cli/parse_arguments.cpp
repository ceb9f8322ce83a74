#include "cli/parse_arguments.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <string_view>

#include "cli/nearest_name.h"
#include "core/check.h"

namespace sd {
namespace {

std::string replaced(std::string_view name, char from, char to) {
  std::string copy(name);
  std::ranges::replace(copy, from, to);
  return copy;
}

/// All spellings of the long names: --ddim-steps and --ddim_steps.
std::vector<std::string> long_names(const Option& option) {
  std::vector<std::string> names;
  for (const std::string_view name : {option.name, option.alias}) {
    if (name.empty()) continue;
    for (std::string spelling : {replaced(name, '_', '-'), replaced(name, '-', '_')}) {
      if (std::ranges::find(names, spelling) == names.end()) names.push_back(std::move(spelling));
    }
  }
  return names;
}

/// The option of one command whose long name an argument like "--name" or "--name=value" has.
const Option* find_option(const Command& command, std::string_view argument) {
  if (!argument.starts_with("--")) return nullptr;
  const std::string_view name = argument.substr(2, argument.find('=') - 2);
  for (const OptionGroup& group : command.options) {
    for (const Option& option : group.options) {
      const std::vector<std::string> names = long_names(option);
      if (std::ranges::find(names, name) != names.end()) return &option;
    }
  }
  return nullptr;
}

[[noreturn]] void fail_unknown(const Command& command, const std::string& argument) {
  if (!argument.starts_with('-') || argument == "-") {
    fail(ErrorKind::kUsage, "sd ", command.name, " takes options alone, found '", argument,
         "' (a text of several words needs quotes)");
  }
  for (const Command* other : commands()) {
    SD_CHECK(find_option(*other, argument) == nullptr, ErrorKind::kUsage, argument,
             " is an option of sd ", other->name, ", not of sd ", command.name);
  }
  std::vector<std::string_view> names;
  for (const OptionGroup& group : command.options) {
    for (const Option& option : group.options) {
      names.push_back(option.name);
      if (!option.alias.empty()) names.push_back(option.alias);
    }
  }
  const std::string_view typed = std::string_view(argument).substr(0, argument.find('='));
  const auto nearest =
      nearest_name(typed.substr(std::min(typed.find_first_not_of('-'), typed.size())), names);
  fail(ErrorKind::kUsage, "sd ", command.name, " has no option ", typed,
       nearest ? " (did you mean --" + std::string(*nearest) + "?)" : "", ", see sd ", command.name,
       " --help");
}

/// CLI11 takes "--name=" and "--name value" for the same thing; this makes the empty value an
/// argument of its own.
std::vector<std::string> separate_empty_values(const Command& command,
                                               const std::vector<std::string>& arguments) {
  std::vector<std::string> separated;
  for (const std::string& argument : arguments) {
    const bool is_empty_value = argument.ends_with('=') && find_option(command, argument) &&
                                argument.find('=') == argument.size() - 1;
    if (is_empty_value) {
      separated.push_back(argument.substr(0, argument.size() - 1));
      separated.emplace_back();
    } else {
      separated.push_back(argument);
    }
  }
  return separated;
}

/// CLI11's names of an option: "-s,--seed".
std::string cli11_names(const Option& option) {
  std::string names;
  if (option.letter != 0) names = std::string("-") + option.letter;
  for (const std::string& name : long_names(option)) {
    names += (names.empty() ? "--" : ",--") + name;
  }
  return names;
}

}  // namespace

Arguments parse_arguments(const Command& command, const std::vector<std::string>& arguments) {
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  std::map<const CLI::Option*, const Option*> options;
  for (const OptionGroup& group : command.options) {
    for (const Option& option : group.options) {
      CLI::Option* added = option.value.empty() ? app.add_flag(cli11_names(option))
                                                : app.add_option(cli11_names(option));
      added->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
      options[added] = &option;
    }
  }

  std::vector<std::string> reversed = separate_empty_values(command, arguments);
  std::ranges::reverse(reversed);
  try {
    app.parse(reversed);
  } catch (const CLI::ParseError&) {  // only the last argument can lack its value
    fail(ErrorKind::kUsage, arguments.back(), " expects a value, found the end of the command");
  }

  Arguments parsed;
  std::map<const CLI::Option*, size_t> seen;
  for (const CLI::Option* given : app.parse_order()) {
    const Option& option = *options.at(given);
    const std::string& text = given->results().at(seen[given]++);
    const std::string flag = "--" + std::string(option.name);
    if (option.value.empty()) {
      SD_CHECK(text == "true", ErrorKind::kUsage, flag, " takes no value, found '", text, "'");
    } else {
      const bool stood_alone = std::ranges::find(arguments, text) != arguments.end();
      const bool is_option =
          stood_alone && text.find('=') == text.npos && find_option(command, text) != nullptr;
      SD_CHECK(!is_option, ErrorKind::kUsage, flag, " expects a value, found the option ", text,
               " (write ", flag, "=", text, " where that is meant)");
    }
    option.set(parsed, flag, text);
  }
  std::vector<std::string> extras = app.remaining();
  std::erase(extras, "--");  // the end of options, and there are only options
  if (!extras.empty()) fail_unknown(command, extras.front());
  return parsed;
}

}  // namespace sd
