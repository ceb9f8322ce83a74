#include "cli/job_help.h"

#include <deque>
#include <string>

#include "core/check.h"
#include "jobs/job_keys.h"

namespace sd {
namespace {

/// Every key of a job with its other names, and what it takes.
std::vector<HelpRow> key_rows() {
  static const std::vector<HelpRow> kRows = [] {
    static std::deque<std::string> texts;  // which the rows refer to
    std::vector<HelpRow> rows;
    for (const JobKey& key : job_keys()) {
      std::string& names = texts.emplace_back(key.name);
      for (const std::string_view other : key.other_names) names += concat_text(", ", other);
      const std::string& meaning = texts.emplace_back(concat_text(key.help, " (", key.takes, ")"));
      rows.push_back({names, meaning});
    }
    return rows;
  }();
  return kRows;
}

HelpSection key_section(std::string_view intro) { return {"Keys of a job", intro, key_rows()}; }

HelpSection name_section() {
  return {"Names of pictures (-o FOLDER/PATTERN)",
          "The folder ends where the first of these begins; / between them makes sub-folders. The "
          "ending, .png, .jpg or .webp, may be left to --format. Nothing leaves the folder.",
          placeholder_rows()};
}

}  // namespace

std::vector<HelpSection> batch_sections() {
  return {
      {"Job files",
       "UTF-8, lines that end with LF or CR LF; the content tells the format, else the name does. "
       "What a job does not say is as the options say it, else as the model has it.",
       {{"text", "a prompt a line; blank lines and those that begin with # are left out"},
        {"JSON lines", "an object a line"},
        {"JSON", "a list of objects, or one object after the other, over any number of lines"},
        {"CSV, TSV", "keys in the first line, then a job a line; an empty cell says nothing"},
        {"pictures",
         "PNG, JPEG and WebP files, one or several: each is the job that painted it, as for sd "
         "replay"}}},
      {"Text (prompts.txt)",
       "Behind a prompt may stand keys as switches, as A1111's \"Prompts from file\" has them; "
       "values with spaces stand in quotes.",
       {},
       {"# two prompts", "a red circle on white",
        "a blue square --steps 30 --seed 7 --negative_prompt \"dark, blurry\""}},
      {"JSON lines (jobs.jsonl)",
       "",
       {},
       {R"({"prompt": "a red circle", "seed": 1})",
        R"({"prompt": "a blue square", "steps": 30, "sampler": "euler_a", "count": 4})",
        R"({"prompt": "a circle in oil", "init_img": "circle.png", "strength": 0.6})"}},
      {"JSON (jobs.json)",
       "",
       {},
       {R"([{"prompt": "a red circle", "width": 64, "height": 96},)",
        R"( {"prompt": "a blue square", "output": "square-{seed}"}])"}},
      {"CSV (jobs.csv); TSV has tabs for commas",
       "",
       {},
       {"prompt,steps,scale", "\"a red circle, on white\",20,7.5", "a blue square,30,"}},
      key_section("In names _ and - are one."),
      name_section()};
}

std::vector<HelpSection> replay_sections() {
  return {key_section("--set takes each of them; _ and - are one in names."), name_section()};
}

std::vector<HelpSection> grid_sections() {
  return {
      {"Axes (--x, --y, --z)",
       "A key of a job, but count and output, and its values: at most 1000, of which no two are "
       "equal.",
       {{"steps=10,20,30", "values with commas between"},
        {"prompt=\"a, b\",c", "a value with a comma in it stands in quotes, a quote in it twice"},
        {"scale=3:9:2", "from 3 to 9 by 2: 3, 5, 7, 9; seed=1:4 is 1, 2, 3, 4"},
        {"1-4, 1-10 (+3), 0-1 [5]",
         "the same as A1111 writes it: 1, 2, 3, 4; 1, 4, 7, 10; five numbers at equal distances"},
        {"prompt_sr=red,green,blue",
         "each value in the place of the text red, in the prompt and the negative prompt; the "
         "first "
         "picture keeps it"},
        {"model=A,B", "whatever the axis, all that waits for a loaded model is painted first"}}},
      key_section("In names _ and - are one."),
      name_section()};
}

}  // namespace sd
