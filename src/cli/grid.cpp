#include <algorithm>
#include <array>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/batch_command.h"
#include "cli/batch_options.h"
#include "cli/batch_session.h"
#include "cli/command.h"
#include "cli/console.h"
#include "cli/grid_sheet.h"
#include "cli/image_report.h"
#include "cli/job_help.h"
#include "cli/option_values.h"
#include "cli/result_stream.h"
#include "core/check.h"
#include "io/sha256.h"
#include "jobs/grid_jobs.h"
#include "jobs/job_keys.h"

namespace sd {
namespace {

std::vector<GridAxis> read_axes(const GridArguments& grid) {
  std::vector<GridAxis> axes;
  const std::array<std::pair<std::string_view, std::string_view>, 3> given = {
      {{"--x", grid.x}, {"--y", grid.y}, {"--z", grid.z}}};
  for (const auto& [flag, text] : given) {
    if (!text.empty()) axes.push_back(parse_axis(flag, text));
  }
  SD_CHECK(!axes.empty(), ErrorKind::kUsage,
           "--x is needed, what changes from column to column: --x steps=10,20,30");
  count_grid_pictures(axes);
  return axes;
}

JobOrigin origin_of(const Job& base, const std::vector<GridAxis>& axes) {
  std::string text = print_job(base);
  for (const auto& [field, value] : axis_fields(axes)) text += "\n" + field + ": " + value;
  Sha256 hash;
  hash.add(text);
  return {.name = "the grid",
          .sha256 = hash.hex(),
          .open = [=](const std::function<bool()>&) { return make_grid_jobs(base, axes); },
          .seeds = SeedRule::kShared,
          .most_errors = 1};  // what is wrong with one picture mostly is with all
}

int run_grid(const Arguments& arguments, const Host& host, Console& console) {
  const std::vector<GridAxis> axes = read_axes(arguments.grid);
  const bool has_prompts = std::ranges::find(axes, "prompt", &GridAxis::key) != axes.end();
  SD_CHECK(arguments.prompt || has_prompts, ErrorKind::kUsage,
           "--prompt TEXT is needed: what to paint (or an axis of prompts, --x prompt=TEXT,TEXT)");
  const bool has_layers = std::ranges::find(axes, "skip_layers", &GridAxis::key) != axes.end();
  if (!has_layers) check_skip_layers(arguments);
  GridSheet sheet(arguments, axes);
  BatchHooks hooks;
  hooks.on_task = [&](const BatchTask& task, const BatchNamer::Name& name,
                      const ShelvedModel& model) { sheet.add(task, name, model); };
  hooks.on_checked = [&](const std::filesystem::path& folder) { sheet.check(folder, console); };
  BatchSession session(arguments, origin_of(base_job(arguments), axes), host, console, hooks);
  const int status = run_session("grid", session, arguments, host, console);
  const BatchArguments& batch = arguments.batch;
  const bool ended_early = status != 0 && batch.fail_fast;
  if (batch.dry_run || !batch.devices.empty() || ended_early) return status;
  if (const auto written = sheet.write(session, console)) {
    const std::string line =
        arguments.json ? grid_report(written->file, written->pictures) : written->file.string();
    print_result(host, line + "\n", "; the sheet was saved as '" + written->file.string() + "'");
  }
  return status;
}

OptionGroup axis_options() {
  static const std::vector<Option> kOptions = {
      {0, "x", "KEY=VALUES", "what changes from column to column: steps=10,20,30 or scale=3:9:2",
       takes::text(&GridArguments::x)},
      {0, "y", "KEY=VALUES", "what changes from row to row", takes::text(&GridArguments::y),
       "one row"},
      {0, "z", "KEY=VALUES", "what changes from table to table", takes::text(&GridArguments::z),
       "one table"},
      {0, "sheet", "NAME",
       "file in the folder for the picture of all pictures, with the values beside them: "
       "NAME.png, NAME.jpg or NAME.webp; none: only the single pictures",
       takes::text(&GridArguments::sheet), "grid.png"},
  };
  return {"The grid", kOptions};
}

OptionGroup grid_job_options() { return {"What all pictures share", batch_job_options().options}; }

OptionGroup grid_number_options() {
  static const std::vector<Option> kOptions = [] {
    std::vector<Option> options = picked_options(batch_number_options(), {"seed", "batch-size"});
    options[0].help = "seed of all pictures, unless it is an axis";
    return options;
  }();
  return {"Seed and numbers", kOptions};
}

OptionGroup grid_run_options() {
  static const std::vector<Option> kOptions = [] {
    std::vector<Option> options =
        with_changed(batch_run_options().options, "wildcards",
                     [](Option& option) { option.standard = "wildcards in the current folder"; });
    std::erase_if(options, [](const Option& option) { return option.name == "job-format"; });
    return options;
  }();
  return {"The run", kOptions};
}

}  // namespace

const Command& grid_command() {
  static const Command kCommand = {
      .name = "grid",
      .summary = "paint a picture for each of several values, and a labelled sheet of them",
      .synopsis = "-p TEXT --x KEY=VALUES [--y KEY=VALUES] [--z KEY=VALUES] -o FOLDER [options]",
      .details =
          "Paints every combination of the values of up to three keys of a job, all with one seed: "
          "each picture on its own as sd batch does it, with manifest.jsonl, then grid.png, which "
          "shows them all with their values beside them. A picture that fails leaves its cell "
          "grey. Everything is checked before anything is painted. Where a run ends early, the "
          "same command with --resume paints what is missing and makes the sheet again.",
      .options = {axis_options(), grid_job_options(), grid_number_options(), batch_place_options(),
                  grid_run_options(), model_options(), message_options()},
      .examples =
          {"sd grid -p \"a red circle\" --x steps=10,20,30 --y scale=3:9:2 -o grid/",
           "sd grid -p \"a red circle\" --x sampler=ddim,euler_a,unipc --y seed=1-4 -o grid/",
           "sd grid -p \"a red circle\" --x \"prompt_sr=red,green,blue\" -o grid/ "
           "--sheet colours.jpg",
           "sd grid -p \"in oil\" --init-img photo.png --x \"strength=0.2-0.8 [4]\" -o grid/"},
      .run = run_grid,
      .sections = grid_sections()};
  return kCommand;
}

}  // namespace sd
