#include "cli/command.h"
#include "cli/compvis.h"
#include "cli/paint_command.h"

namespace sd {
namespace {

int run_txt2img(const Arguments& arguments, const Host& host, Console& console) {
  Arguments completed = arguments;
  apply_compat(completed, CompvisScript::kTxt2img);
  return run_paint(completed, {}, host, console);
}

}  // namespace

const Command& txt2img_command() {
  static const Command kCommand = {
      .name = "txt2img",
      .summary = "paint pictures from a text",
      .synopsis = "-p TEXT [options]",
      .details =
          "Paints pictures from a text. The path of each is printed on standard output; the "
          "picture holds the settings it was made with.",
      .options = {prompt_options(), sampling_options(), amount_options(), output_options(),
                  model_options(), compvis_options(), message_options()},
      .examples = {"sd txt2img -p \"a red circle\" --seed 7 -o circle.png",
                   "sd txt2img -m ./stable-diffusion-v1-5 -p \"a cat\" --steps 30 --count 8 "
                   "--batch-size 4 -o cats/",
                   "sd txt2img --from-file prompts.txt -o \"out/{index:05}.png\" --json",
                   "sd txt2img -p \"a blue square\" -q -o - | display"},
      .run = run_txt2img};
  return kCommand;
}

}  // namespace sd
