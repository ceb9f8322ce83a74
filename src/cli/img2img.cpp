#include <filesystem>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/compvis.h"
#include "cli/console.h"
#include "cli/paint_command.h"
#include "cli/start_pictures.h"
#include "core/check.h"
#include "io/latents_file.h"

namespace sd {
namespace {

/// Errors: kInput, and kUsage where standard input ("-") cannot be the picture.
Picture read_init_image(const Arguments& arguments, const Host& host, Console& console) {
  SD_CHECK(arguments.init_image != "-" || arguments.prompt_file != "-", ErrorKind::kUsage,
           "--init-img - and --from-file - cannot stand together: standard input is read once");
  return StartPictures(console).read(*arguments.init_image, host);
}

int run_img2img(const Arguments& arguments, const Host& host, Console& console) {
  SD_CHECK(arguments.init_image || arguments.init_latents, ErrorKind::kUsage,
           "--init-img FILE is needed, the picture to start from (txt2img starts from none)");
  Start start;
  const std::filesystem::path file =
      arguments.init_image.value_or(arguments.init_latents.value_or(""));
  start.name = file.filename().string();
  if (arguments.init_image) {
    const std::string name =
        *arguments.init_image == "-" ? "standard input" : *arguments.init_image;
    start.picture = read_init_image(arguments, host, console);
    console.detail(concat_text("loaded input image of size (", start.picture->width, ", ",
                               start.picture->height, ") from ", name));
  } else {
    start.latents = read_latents(*arguments.init_latents);
  }
  Arguments completed = arguments;
  apply_compat(completed, CompvisScript::kImg2img);
  return run_paint(completed, start, host, console);
}

OptionGroup img2img_sampling_options() {
  static const auto set_standard = [](Option& option) {
    option.standard = "the input picture's, rounded down";
  };
  static const std::vector<Option> kOptions = with_changed(
      with_changed(sampling_options().options, "width", set_standard), "height", set_standard);
  return {sampling_options().title, kOptions};
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
      .options = {init_options(), prompt_options(), img2img_sampling_options(), amount_options(),
                  output_options(), model_options(), compvis_options(), message_options()},
      .examples = {"sd img2img --init-img sketch.png -p \"a red circle\" --strength 0.6 -o new.png",
                   "sd img2img --init_img photo.jpg -p \"oil painting\" --n_samples 4 --outdir out",
                   "magick scan.tif png:- | sd img2img --init-img - -p \"oil painting\""},
      .run = run_img2img};
  return kCommand;
}

}  // namespace sd
