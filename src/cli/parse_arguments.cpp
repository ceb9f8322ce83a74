#include "cli/parse_arguments.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "core/check.h"
#include "jobs/nearest_name.h"

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

/// The option of this command that does what one of diffusers' arguments, of A1111's fields or of
/// the original scripts' options does under another name.
const Option* find_foreign(const Command& command, std::string_view typed) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 25> kForeign = {
      {{"guidance-scale", "--scale"},
       {"cfg-scale", "--scale"},
       {"cfg", "--scale"},
       {"num-inference-steps", "--steps"},
       {"sampling-steps", "--steps"},
       {"num-images-per-prompt", "--count"},
       {"num-images", "--count"},
       {"scheduler", "--sampler"},
       {"sampling-method", "--sampler"},
       {"denoising-strength", "--strength"},
       {"init-image", "--init-img"},
       {"image", "--init-img"},
       {"ckpt", "--model"},
       {"ckpt-path", "--model"},
       {"checkpoint", "--model"},
       {"diffusion-model", "--model"},
       {"torch-dtype", "--dtype"},
       {"skip-guidance-layers", "--skip-layers"},
       {"skip-layer-guidance-scale", "--skip-layer-scale"},
       {"skip-layer-guidance-start", "--skip-layer-start"},
       {"skip-layer-guidance-stop", "--skip-layer-stop"},
       {"use-resolution-binning", "--resolution-binning"},
       {"crops-coords-top-left", "--crop"},
       {"variance-type", "--variance"},
       {"negative", "--negative-prompt"}}};
  const std::string name =
      replaced(typed.substr(std::min(typed.find_first_not_of('-'), typed.size())), '_', '-');
  const auto* found = std::ranges::find(kForeign, name, [](const auto& row) { return row.first; });
  return found == kForeign.end() ? nullptr : find_option(command, found->second);
}

/// Complains about a long name behind one hyphen, "-steps".
void check_hyphens(const Command& command, const std::string& argument) {
  const bool has_one = argument.size() > 2 && argument[0] == '-' && argument[1] != '-';
  SD_CHECK(!has_one || find_option(command, "-" + argument) == nullptr, ErrorKind::kUsage, "sd ",
           command.name, " has no option ", argument, " (did you mean -", argument, "?)");
}

/// Complains about a dash that a text processor made of the hyphens before an option's name.
void check_dashes(const Command& command, const std::string& argument) {
  constexpr std::array<std::string_view, 5> kDashes = {"\u2010", "\u2011", "\u2013", "\u2014",
                                                       "\u2212"};
  const auto* dash = std::ranges::find_if(
      kDashes, [&](std::string_view text) { return argument.starts_with(text); });
  if (dash == kDashes.end()) return;
  std::string_view name = std::string_view(argument).substr(dash->size());
  if (name.starts_with(*dash)) name.remove_prefix(dash->size());
  if (name.starts_with('-')) name.remove_prefix(1);
  const std::string meant = (name.size() > 1 ? "--" : "-") + std::string(name);
  fail(ErrorKind::kUsage, "sd ", command.name, " takes options that begin with hyphens, found '",
       argument, "' with a typographic dash",
       name.size() == 1 || find_option(command, meant) ? " (did you mean " + meant + "?)" : "");
}

[[noreturn]] void fail_unknown(const Command& command, const std::string& argument) {
  if (!argument.starts_with('-') || argument == "-") {
    check_dashes(command, argument);
    fail(ErrorKind::kUsage, "sd ", command.name, " takes options alone, found '", argument, "'",
         find_option(command, "--" + argument)
             ? " (did you mean --" + argument + "?)"
             : " (a prompt follows -p, in quotes where it has several words)");
  }
  check_hyphens(command, argument);
  const std::string_view typed = std::string_view(argument).substr(0, argument.find('='));
  if (const Option* meant = find_foreign(command, typed)) {
    fail(ErrorKind::kUsage, "sd ", command.name, " has no option ", typed, " (here it is --",
         meant->name, ")");
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

/// Complains about a value that is rather an option: "-p --steps", and "-steps" for -s teps.
void check_value(const Command& command, const std::vector<std::string>& arguments,
                 const Option& option, const std::string& text) {
  const auto was_typed = [&](const std::string& argument) {
    return std::ranges::find(arguments, argument) != arguments.end();
  };
  const std::string with_letter = std::string("-") + option.letter + text;
  if (option.letter != 0 && was_typed(with_letter)) check_hyphens(command, with_letter);
  const bool is_option =
      was_typed(text) && text.find('=') == text.npos && find_option(command, text) != nullptr;
  SD_CHECK(!is_option, ErrorKind::kUsage, "--", option.name, " expects a value, found the option ",
           text, " (write --", option.name, "=", text, " where that is meant)");
}

/// Takes the names of files out of what is no option: all behind --, and what has no hyphen.
std::vector<std::string> take_files(std::vector<std::string>& extras) {
  const auto end = std::ranges::find(extras, "--");
  const auto is_file = [](const std::string& text) {
    return !text.starts_with('-') || text == "-";
  };
  std::vector<std::string> files;
  std::copy_if(extras.begin(), end, std::back_inserter(files), is_file);
  if (end != extras.end()) files.insert(files.end(), end + 1, extras.end());
  extras.erase(end, extras.end());
  std::erase_if(extras, is_file);
  return files;
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
  parsed.typed = arguments;
  const auto was_typed = [&](std::string_view argument) {
    return std::ranges::find(arguments, argument) != arguments.end();
  };
  for (const CLI::Option* given : app.parse_order()) {  // whatever else is wrong
    const std::string_view name = options.at(given)->name;
    parsed.help |= name == "help" && (was_typed("-h") || was_typed("--help"));
    parsed.version |= name == "version" && (was_typed("-V") || was_typed("--version"));
  }
  if (parsed.help || parsed.version) return parsed;
  std::map<const CLI::Option*, size_t> seen;
  for (const CLI::Option* given : app.parse_order()) {
    const Option& option = *options.at(given);
    const std::string& text = given->results().at(seen[given]++);
    const std::string flag = "--" + std::string(option.name);
    if (option.value.empty()) {
      SD_CHECK(text == "true", ErrorKind::kUsage, flag, " takes no value, found '", text, "'");
    } else {
      check_value(command, arguments, option, text);
    }
    option.takes.set(parsed, flag, text);
  }
  std::vector<std::string> extras = app.remaining();
  if (command.takes_files) {
    parsed.files = take_files(extras);
  } else {
    std::erase(extras, "--");  // the end of options, and there are only options
  }
  if (!extras.empty()) {
    const std::string& extra = extras.front();
    for (const std::string& argument : arguments) {  // CLI11 reads -verbose as -v -erbose
      if (extra.starts_with('-') && argument.ends_with(extra.substr(1))) {
        check_hyphens(command, argument);
      }
    }
    fail_unknown(command, extra);
  }
  join_arguments(parsed);
  return parsed;
}

}  // namespace sd
