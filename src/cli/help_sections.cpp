#include "cli/help_sections.h"

#include "cli/bench_report.h"
#include "cli/image_report.h"
#include "cli/model_info.h"
#include "cli/picture_info.h"

namespace sd {
namespace {

const std::vector<HelpRow> kPlaceholders = {
    {"{index}, {seed}", "the number of the image, from 0, and its seed"},
    {"{index:05}", "the same with zeros in front, here 00000, 00001, ..."},
    {"{prompt:40}, {negative_prompt:40}",
     "the first 40 characters of the text, or without :40 as many as fit; what file names cannot "
     "have is _"},
    {"{sampler}, {steps}, {scale}, {width}, {height}",
     "as the options say; for txt2img and img2img only where they are given"},
    {"{model}", "name of the model"},
    {"{date}, {date:%Y%m%d-%H%M}",
     "when the command began: 2026-11-21, or as strftime(3) prints it"},
    {"[seed], [prompt], ...",
     "the spellings of AUTOMATIC1111: [index] [seed] [steps] [cfg] [width] [height] [sampler] "
     "[model_name] [date] [datetime] [prompt] [prompt_spaces] [prompt_words]; [[seed]] is the text "
     "[seed]"},
    {"{{, }}", "the braces { and } themselves"},
};

std::vector<HelpRow> output_names() {
  std::vector<HelpRow> rows = {
      {"FILE.png, .jpg, .webp", "one image in that format; its folder must be there"},
      {"FOLDER/",
       "sd-<seed>.png in that folder, which is made where it is missing; the / may be left "
       "out where the folder is there or has no dot in its name"},
      {"{index}, {seed}",
       "in a name that ends in .png, .jpg or .webp: the number of the image, from 0, and its seed; "
       "the folder is made where it is missing"},
  };
  rows.insert(rows.end(), kPlaceholders.begin() + 1, kPlaceholders.end());
  rows.push_back({"-", "the file itself on standard output: PNG, or as --format says"});
  return rows;
}

const std::vector<HelpRow> kEnvironment = {
    {"SD_MODELS", "folder of models that -m finds by name"},
    {"HF_HUB_CACHE", "Hugging Face cache in which -m finds ORG/NAME"},
    {"HF_HOME", "folder whose hub/ is that cache, where HF_HUB_CACHE is not set"},
    {"NO_COLOR", "where set and not empty: no colours"},
};

const std::vector<HelpRow> kExitCodes = {
    {"0", "all done"},
    {"1",
     "some images, or files of sd info, failed; the others are done. Of sd manifest verify: "
     "something is missing or damaged"},
    {"2", "wrong option, value, file of prompts or of jobs"},
    {"3", "model unreadable or unsupported"},
    {"4", "input picture or latents unreadable"},
    {"5", "output not writable, or disk full"},
    {"6", "out of memory"},
    {"7", "numerical failure: not a number in latents or picture"},
    {"70", "internal error, a mistake in sd"},
    {"75", "temporary failure, worth trying again"},
    {"130", "stopped by SIGINT (Ctrl-C)"},
    {"141", "ended by SIGPIPE: what read the output is gone; images made before are there"},
    {"143", "stopped by SIGTERM"},
};

}  // namespace

std::vector<HelpRow> placeholder_rows() { return kPlaceholders; }

std::span<const HelpSection> help_sections() {
  static const std::vector<HelpSection> kSections = {
      {"Names of images (-o)", "", output_names()},
      {"Environment", "", kEnvironment},
      {"Exit status", "", kExitCodes},
      {"Keys of --json",
       "One object on one line for each image as soon as it is made; none for those that "
       "--on-exist "
       "skip leaves out. Messages count images from 1, "
       "index and {index} from 0.",
       report_keys()},
      {"Keys of sd info --json", "One object on one line for each file.", picture_info_keys()},
      {"Keys of sd info --json, models", "One object on one line for each model.",
       model_info_keys()},
      {"Keys of sd bench --json", "One object on one line.", bench_keys()},
  };
  return kSections;
}

}  // namespace sd
