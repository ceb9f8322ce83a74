#include "cli/completion.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "core/check.h"

namespace sd {
namespace {

std::vector<const Option*> options_of(const Command& command) {
  std::vector<const Option*> options;
  for (const OptionGroup& group : command.options) {
    for (const Option& option : group.options) options.push_back(&option);
  }
  return options;
}

/// -s, --seed: how an option may be written, its second name last.
std::vector<std::string> spellings(const Option& option) {
  std::vector<std::string> names;
  if (option.letter != 0) names.push_back(std::string("-") + option.letter);
  names.push_back("--" + std::string(option.name));
  if (!option.alias.empty()) names.push_back("--" + std::string(option.alias));
  return names;
}

std::string join(const std::vector<std::string>& words, std::string_view separator) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : std::string(separator)) + word;
  return text;
}

/// `text` with a backslash before each of `special`.
std::string escaped(std::string_view text, std::string_view special) {
  std::string copy;
  for (const char c : text) {
    if (special.find(c) != special.npos) copy += '\\';
    copy += c;
  }
  return copy;
}

/// In single quotes, as a POSIX shell reads them.
std::string quoted_for_zsh(std::string_view text) {
  std::string copy = "'";
  for (const char c : text) copy += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return copy + "'";
}

/// In single quotes, as fish reads them.
std::string quoted_for_fish(std::string_view text) { return "'" + escaped(text, "\\'") + "'"; }

/// Up to the first semicolon or opening bracket: a line in a menu is short.
std::string_view short_help(std::string_view help) {
  return help.substr(0, std::min(help.find(';'), help.find(" (")));
}

std::string join(std::span<const std::string_view> words) {
  return join(std::vector<std::string>(words.begin(), words.end()), " ");
}

/// What completes the operands of a command that takes some.
std::string bash_operands(const Command& command) {
  if (!command.actions.empty()) {
    return concat_text("if ((COMP_CWORD == 2)); then _sd_words \"", join(command.actions),
                       "\"; else _sd_files; fi");
  }
  if (command.operands.empty()) return "_sd_files";
  return concat_text("_sd_words \"", join(command.operands), "\"");
}

constexpr std::string_view kModels = "$(sd completion models 2>/dev/null)";

}  // namespace

std::string bash_completion() {
  std::string commands_list;
  std::string flags;
  std::string values;
  std::vector<std::string> seen;
  for (const Command* command : commands()) {
    commands_list += std::string(command->name) + " ";
    std::string names;
    for (const Option* option : options_of(*command)) {
      names += join(spellings(*option), " ") + " ";
      const bool is_new = std::ranges::find(seen, option->name) == seen.end();
      if (option->value.empty() || !is_new) continue;
      seen.emplace_back(option->name);
      const OptionValue& takes = option->takes;
      const std::string words = concat_text(join(takes.words, " "),
                                            option->name == "model" ? kModels : std::string_view());
      const std::string_view action = takes.is_path && words.empty() ? "_sd_files"
                                      : takes.is_path                ? "_sd_files_and_words"
                                                                     : "_sd_words";
      values += concat_text("    ", join(spellings(*option), "|"), ") ", action, " \"", words,
                            "\"; return ;;\n");
    }
    flags += concat_text("    ", command->name, ") ");
    if (command->takes_files) {
      flags += concat_text("if [[ $current != -* ]]; then ", bash_operands(*command), "; else ");
    }
    flags += concat_text("_sd_words \"", names, "\"", command->takes_files ? "; fi" : "", " ;;\n");
  }
  return concat_text(
      "# Completion of sd for bash:  source <(sd completion bash)\n"
      "_sd_words() { COMPREPLY=($(compgen -W \"$1\" -- \"$current\")); }\n"
      "_sd_files() { compopt -o filenames; COMPREPLY=($(compgen -f -- \"$current\")); }\n"
      "_sd_files_and_words() {\n"
      "  _sd_files\n"
      "  COMPREPLY+=($(compgen -W \"$1\" -- \"$current\"))\n"
      "}\n"
      "_sd() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
      "  local IFS=$' \\t\\n'\n"
      "  COMPREPLY=()\n"
      "  if ((COMP_CWORD == 1)); then\n"
      "    _sd_words \"",
      commands_list,
      "help man version --help --version\"\n"
      "    return\n"
      "  fi\n"
      "  # --name=value stands in three words, with = as the middle one\n"
      "  if [[ $current == = ]]; then\n"
      "    current=\n"
      "  elif [[ $previous == = ]]; then\n"
      "    previous=${COMP_WORDS[COMP_CWORD-2]}\n"
      "  fi\n"
      "  case $previous in\n",
      values,
      "  esac\n"
      "  case ${COMP_WORDS[1]} in\n",
      flags, "    help) _sd_words \"", commands_list,
      "\" ;;\n"
      "  esac\n"
      "}\n"
      "complete -F _sd sd\n");
}

std::string zsh_completion() {
  std::string list;
  std::string cases;
  for (const Command* command : commands()) {
    list += concat_text("    ", quoted_for_zsh(concat_text(command->name, ":", command->summary)),
                        "\n");
    cases += concat_text("    ", command->name, ")\n      _arguments -s -S \\\n");
    for (const Option* option : options_of(*command)) {
      const std::vector<std::string> names = spellings(*option);
      const std::string help = "[" + escaped(short_help(option->help), "[]:\\") + "]";
      std::string value;
      if (!option->value.empty()) {
        const OptionValue& takes = option->takes;
        value = ":" + std::string(option->value) + ":";
        if (!takes.words.empty()) {
          value += "(" + join(takes.words, " ") + ")";
        } else if (option->name == "model") {
          value += "_sd_models";
        } else if (takes.is_path) {
          value += "_files";
        }
      }
      for (const std::string& name : names) {
        const std::string_view joined = value.empty() ? "" : name.starts_with("--") ? "=" : "+";
        cases += concat_text(
            "        ",
            quoted_for_zsh(concat_text("(", join(names, " "), ")", name, joined, help, value)),
            " \\\n");
      }
    }
    if (!command->actions.empty()) {
      cases += concat_text("        '1: :(", join(command->actions), ")' \\\n");
    }
    const std::string operands =
        command->operands.empty() ? "_files" : concat_text("(", join(command->operands), ")");
    cases += command->takes_files ? concat_text("        '*: :", operands, "'\n      ;;\n")
                                  : "        && return\n      ;;\n";
  }
  return concat_text(
      "#compdef sd\n"
      "# Completion of sd for zsh:  sd completion zsh > DIRECTORY-IN-FPATH/_sd\n"
      "_sd_models() {\n"
      "  local -a models\n"
      "  models=(${(f)\"$(sd completion models 2>/dev/null)\"})\n"
      "  _alternative 'models:model:($models)' 'files:folder:_files -/'\n"
      "}\n"
      "_sd() {\n"
      "  local -a commands\n"
      "  commands=(\n",
      list,
      "  )\n"
      "  if ((CURRENT == 2)); then\n"
      "    _describe command commands\n"
      "    return\n"
      "  fi\n"
      "  local command=$words[2]\n"
      "  shift words\n"
      "  ((CURRENT--))\n"
      "  case $command in\n",
      cases,
      "  esac\n"
      "}\n"
      "if [[ $funcstack[1] == _sd ]]; then _sd \"$@\"; else compdef _sd sd; fi\n");
}

std::string fish_completion() {
  std::string text =
      "# Completion of sd for fish:  sd completion fish > ~/.config/fish/completions/sd.fish\n"
      "complete -c sd -f\n";
  for (const Command* command : commands()) {
    text += concat_text("complete -c sd -n __fish_use_subcommand -a ", command->name, " -d ",
                        quoted_for_fish(command->summary), "\n");
  }
  for (const Command* command : commands()) {
    const std::string start =
        concat_text("complete -c sd -n '__fish_seen_subcommand_from ", command->name, "'");
    if (command->takes_files && command->operands.empty()) text += start + " -F\n";
    if (!command->actions.empty()) {
      text += concat_text(start, " -a ", quoted_for_fish(join(command->actions)), "\n");
    }
    if (!command->operands.empty()) {
      text += concat_text(start, " -a ", quoted_for_fish(join(command->operands)), "\n");
    }
    for (const Option* option : options_of(*command)) {
      text += start;
      if (option->letter != 0) text += std::string(" -s ") + option->letter;
      for (const std::string_view name : {option->name, option->alias}) {
        if (!name.empty()) text += concat_text(" -l ", name);
      }
      text += concat_text(" -d ", quoted_for_fish(short_help(option->help)));
      const OptionValue& takes = option->takes;
      if (!option->value.empty()) text += takes.is_path ? " -r -F" : " -x";
      if (!takes.words.empty()) text += " -a " + quoted_for_fish(join(takes.words, " "));
      if (option->name == "model") text += " -a '(sd completion models 2>/dev/null)'";
      text += '\n';
    }
  }
  return text;
}

}  // namespace sd
