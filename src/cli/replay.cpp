#include <algorithm>
#include <string>
#include <vector>

#include "cli/batch_options.h"
#include "cli/command.h"
#include "cli/console.h"
#include "cli/job_help.h"
#include "cli/picture_run.h"
#include "core/check.h"

namespace sd {
namespace {

int run_replay(const Arguments& arguments, const Host& host, Console& console) {
  SD_CHECK(!arguments.files.empty(), ErrorKind::kUsage,
           "IMAGE is needed, the name of a picture to paint again: sd replay picture.png -o again");
  return run_pictures("replay", arguments.files, {}, arguments, host, console);
}

OptionGroup change_options() {
  static const std::vector<Option> kOptions = {
      {0,
       "set",
       "KEY=VALUE",
       "what is to be otherwise, a key of a job and its value: steps=30, init_img=start.png, "
       "count=4; may be given several times",
       {.allowed = "",
        .set =
            [](Arguments& arguments, std::string_view flag, const std::string& text) {
              arguments.changes.push_back(parse_job_change(flag, text));
            }},
       "all as it was"},
  };
  return {"What is painted again", kOptions};
}

OptionGroup replay_run_options() {
  static const std::vector<Option> kOptions = [] {
    std::vector<Option> options = picked_options(batch_number_options(), {"batch-size"});
    for (const Option& option : picked_options(
             batch_run_options(),
             {"dry-run", "resume", "fail-fast", "lookahead", "shard", "claim", "devices"})) {
      options.push_back(option);
    }
    return options;
  }();
  return {"The run", kOptions};
}

OptionGroup replay_model_options() {
  static const std::vector<Option> kOptions =
      with_changed(model_options().options, "model", [](Option& option) {
        option.help = "model of pictures that do not say which; --set model=NAME is that of all";
      });
  return {"Model and placement", kOptions};
}

}  // namespace

const Command& replay_command() {
  static const Command kCommand = {
      .name = "replay",
      .summary = "paint pictures again, as their parameters say",
      .synopsis = "IMAGE... -o FOLDER [options]",
      .details =
          "Paints PNG, JPEG and WebP pictures again from the parameters in them: the same pixels "
          "from the same model, dtype and machine. Where a picture was painted from another one, "
          "that is looked for beside it, then in the current folder. Pictures of A1111's web UI "
          "and what writes as it does, of ComfyUI and InvokeAI are taken as well, as far as sd "
          "has what they were made with; a warning names the rest. All are checked before "
          "anything is painted. manifest.jsonl in the folder holds a line for each.",
      .options = {change_options(), batch_place_options(), replay_run_options(),
                  replay_model_options(), message_options()},
      .examples = {"sd replay circle.png -o again/", "sd replay out/*.png -o fine/ --set steps=50",
                   "sd replay photo.png -o again/ --set init_img=inputs/start.png --set seed=7",
                   "sd replay out/*.webp -o png/ --format png --dtype fp32"},
      .run = run_replay,
      .takes_files = true,
      .sections = replay_sections()};
  return kCommand;
}

}  // namespace sd
