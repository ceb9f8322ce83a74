#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/arguments.h"

namespace sd {

/// What an option takes.
struct OptionValue {
  std::string allowed;  ///< for --help: "1 to 1000", "cpu or cuda"; empty: any text, or a flag
  /// Stores the value; `flag` is for messages ("--model"). Errors: kUsage.
  std::function<void(Arguments& arguments, std::string_view flag, const std::string& text)> set;
  std::vector<std::string> words = {};  ///< for completion: values worth proposing
  bool is_path = false;                 ///< for completion: names of files
};

/// One option: the parser, `--help` and the man page all read this.
struct Option {
  char letter;                     ///< 'm' for -m; 0: none
  std::string_view name;           ///< "model" for --model
  std::string_view value;          ///< what --help calls its value; empty: a flag
  std::string_view help;           ///< one or two sentences, lower case, no full stop
  OptionValue takes;               ///< what values there are, and where they are stored
  std::string_view standard = {};  ///< what holds without it
  std::string_view alias = {};     ///< a second long name, "ddim_steps" say
};

/// Options that stand together under a title.
struct OptionGroup {
  std::string_view title;
  std::span<const Option> options;
};

/// The options of a group, of which one, `name`, is a little different in this command.
std::vector<Option> with_changed(std::span<const Option> options, std::string_view name,
                                 const std::function<void(Option& option)>& change);

OptionGroup prompt_options();    ///< what to paint
OptionGroup sampling_options();  ///< size, steps, guidance, sampler
OptionGroup amount_options();    ///< seed, how many images
OptionGroup init_options();      ///< img2img: what to start from
OptionGroup output_options();    ///< where the images go
OptionGroup model_options();     ///< which model, where it computes
OptionGroup compvis_options();   ///< what CompVis' scripts call otherwise, or have alone
OptionGroup message_options();   ///< what is printed

}  // namespace sd
