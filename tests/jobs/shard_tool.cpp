// Prints the shard of this process and where it was read, for tests/launchers/run.sh.
//
//   shard_tool [SHARD]      SHARD as of --shard
//
// Output: "INDEX COUNT LOCAL_RANK", with - for no local rank, then what find_shard says in words,
// then a line for each warning.

#include <iostream>
#include <optional>
#include <string>

#include "sd/error.h"

#include "jobs/shard.h"

int main(int argc, char** argv) {
  try {
    std::optional<sd::ShardRequest> option;
    if (argc > 1) option = sd::parse_shard("--shard", argv[1]);
    const sd::FoundShard found = sd::find_shard(option, sd::process_environment);
    const auto local_rank = sd::find_local_rank(sd::process_environment);
    // One write, so that the lines of several processes stay whole.
    std::string text = std::to_string(found.shard.index) + " " + std::to_string(found.shard.count) +
                       " " + (local_rank ? std::to_string(*local_rank) : "-") + " " + found.words +
                       "\n";
    for (const std::string& warning : found.warnings) text += "warning: " + warning + "\n";
    std::cout << text << std::flush;
    return 0;
  } catch (const sd::Error& error) {
    std::cerr << error.what() << '\n';
    return sd::exit_code(error.kind());
  }
}
