#include "cli/command.h"

#include <algorithm>
#include <array>

namespace sd {

std::span<const Command* const> commands() {
  static const std::array kCommands = {
      &txt2img_command(), &img2img_command(),   &batch_command(), &replay_command(),
      &grid_command(),    &manifest_command(),  &info_command(),  &eval_command(),
      &bench_command(),   &completion_command()};
  return kCommands;
}

const Command* find_command(std::string_view name) {
  const auto all = commands();
  const auto at =
      std::ranges::find(all, name, [](const Command* command) { return command->name; });
  return at == all.end() ? nullptr : *at;
}

}  // namespace sd
