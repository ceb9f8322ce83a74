#include "cli/command.h"
#include "cli/console.h"
#include "cli/paint_command.h"
#include "core/check.h"
#include "io/latents_file.h"
#include "io/read_picture.h"

namespace sd {
namespace {

int run_img2img(const Arguments& arguments, const Host& host, Console& console) {
  SD_CHECK(arguments.init_image || arguments.init_latents, ErrorKind::kUsage,
           "--init-img FILE is needed, the picture to start from (txt2img starts from none)");
  Start start;
  if (arguments.init_image) {
    start.picture = read_picture(*arguments.init_image);
    console.detail(concat_text("loaded input image of size (", start.picture->width, ", ",
                               start.picture->height, ") from ", *arguments.init_image));
  } else {
    start.latents = read_latents(*arguments.init_latents);
  }
  return run_paint(arguments, start, host, console);
}

}  // namespace

const Command& img2img_command() {
  static const Command kCommand = {
      .name = "img2img",
      .summary = "paint pictures from a picture and a text",
      .synopsis = "--init-img FILE -p TEXT [options]",
      .details =
          "Paints pictures that start from a picture: noise is added to it and taken away "
          "again, led by the text. Of --steps only int(steps x strength) are run; where "
          "that is 0 the picture is encoded and decoded alone.",
      .options = {init_options(), prompt_options(), sampling_options(), amount_options(),
                  output_options(), model_options(), message_options()},
      .examples =
          {"sd img2img --init-img sketch.png -p \"a red circle\" --strength 0.6 -o new.png",
           "sd img2img --init_img photo.jpg -p \"oil painting\" --n_samples 4 --outdir out"},
      .run = run_img2img};
  return kCommand;
}

}  // namespace sd
