#include "jobs/shard.h"

#include <algorithm>
#include <utility>

#include "sd/error.h"

#include "core/check.h"
#include "jobs/parse_value.h"

namespace sd {
namespace {

/// A number of shards that somebody asked for: by an option or a variable.
struct AskedCount {
  std::string_view asker;
  int64_t count = 0;
};

std::optional<std::string> find_text(const Environment& environment, const std::string& variable) {
  auto text = environment(variable);
  return text && text->empty() ? std::nullopt : text;
}

/// "torchrun's RANK and WORLD_SIZE"
std::string source_of(const LauncherRank& rank) {
  return concat_text(rank.name, "'s ", rank.index_variable,
                     rank.count_variable.empty() ? "" : " and ", rank.count_variable);
}

std::string print_shard(const Shard& shard) {
  return concat_text("shard ", shard.index, " of ", shard.count);
}

/// "torchrun's RANK and WORLD_SIZE say 1 of 4"
std::string print_claim(const LauncherRank& rank) {
  return concat_text(source_of(rank), rank.count_variable.empty() ? " says " : " say ", rank.index,
                     rank.count ? concat_text(" of ", *rank.count) : "");
}

/// Whether all ranks beside `inner` are in the same task of `outer`, so that both count. Not where
/// MPI is in a Slurm step: its own helpers on the hosts may be that step's tasks.
bool are_within_one_task(const LauncherRank& inner, const LauncherRank& outer) {
  switch (outer.kind) {
    case LauncherKind::kJobArray: return inner.kind == LauncherKind::kRanks || inner.on_one_host;
    case LauncherKind::kPods: return inner.on_one_host;
    default: return inner.kind == LauncherKind::kAgents && inner.on_one_host;
  }
}

/// Whether `other` says another place than the launchers that count, each alone and together. One
/// process alone says nothing; and srun sets PMI_RANK beside its own.
bool disagrees(const LauncherRank& other, const std::vector<LauncherRank>& taken,
               const Shard& shard) {
  const auto is_same = [&](int64_t index, int64_t count) {
    return other.index == index && other.count.value_or(count) == count;
  };
  return other.count != 1 && !is_same(shard.index, shard.count) &&
         std::ranges::none_of(
             taken, [&](const LauncherRank& rank) { return is_same(rank.index, *rank.count); });
}

/// What launchers say: those that count, and those that do not.
struct Launched {
  std::vector<LauncherRank> taken;  ///< innermost first
  std::vector<LauncherRank> others;
};

Launched read_environment(const Environment& environment) {
  Launched launched;
  for (LauncherRank& rank : read_launchers(environment)) {
    auto& [taken, others] = launched;
    if (rank.kind == LauncherKind::kOnlyRanks && !taken.empty()) continue;
    if (taken.empty() || are_within_one_task(taken.back(), rank)) {
      taken.push_back(std::move(rank));
    } else {
      others.push_back(std::move(rank));
    }
  }
  for (const LauncherRank& rank : launched.taken) {
    SD_CHECK(rank.error.empty(), ErrorKind::kUsage, rank.error);
  }
  return launched;
}

/// Gives the outermost launcher its count, where only `asked` tells it. `inner`: shards in each of
/// its tasks.
void add_asked_count(LauncherRank& outermost, int64_t inner, const AskedCount& asked) {
  SD_CHECK(asked.count % inner == 0, ErrorKind::kUsage, asked.asker, " expects a multiple of the ",
           inner, " processes in each task of ", outermost.name, ", found ", asked.count);
  const int64_t count = asked.count / inner;
  SD_CHECK(outermost.index < count, ErrorKind::kUsage, source_of(outermost),
           " expects a number below ", count, " (", asked.asker, " asks for ", asked.count,
           " shards, counted from 0), found ", outermost.index);
  outermost.count = count;
}

/// The shard that the launchers say, of which there is one at least.
Shard combine(std::vector<LauncherRank>& taken, const std::optional<AskedCount>& asked) {
  Shard shard;
  for (LauncherRank& rank : taken) {
    const bool is_outermost = &rank == &taken.back();
    if (!rank.count && is_outermost && asked) add_asked_count(rank, shard.count, *asked);
    SD_CHECK(rank.count, ErrorKind::kUsage, source_of(rank), " says ", rank.index,
             ", but nothing says of how many: expected --shard */COUNT or SD_SHARD_COUNT");
    SD_CHECK(*rank.count <= kMostShards / shard.count, ErrorKind::kUsage, source_of(rank),
             " expects at most ", kMostShards, " shards in all, found ", *rank.count, " times ",
             shard.count);
    shard.index += rank.index * shard.count;
    shard.count *= *rank.count;
  }
  return shard;
}

/// "torchrun's RANK and WORLD_SIZE", with those of what it was started in
std::string print_sources(const std::vector<LauncherRank>& taken,
                          const std::optional<AskedCount>& asked) {
  std::string sources;
  for (const LauncherRank& rank : taken) {
    if (rank.count == 1 && taken.size() > 1) continue;  // srun -n 1 and the like add nothing
    sources += concat_text(sources.empty() ? "" : " within ", source_of(rank));
  }
  if (sources.empty()) sources = source_of(taken.front());
  if (taken.back().count_variable.empty() && asked) sources += concat_text(" and ", asked->asker);
  return sources;
}

FoundShard find_launched(Launched launched, const std::optional<AskedCount>& asked) {
  FoundShard found;
  found.shard = combine(launched.taken, asked);
  found.words =
      concat_text(print_shard(found.shard), ", of ", print_sources(launched.taken, asked));
  for (const LauncherRank& other : launched.others) {
    if (!other.error.empty()) {
      found.warnings.push_back(concat_text(found.words, ", though ", other.error));
    } else if (disagrees(other, launched.taken, found.shard)) {
      found.warnings.push_back(concat_text(found.words, ", though ", print_claim(other)));
    }
  }
  return found;
}

/// The shard that somebody wrote down, with a warning where launchers say another.
FoundShard find_written(std::string_view writer, const Shard& shard,
                        const Environment& environment) {
  FoundShard found{.shard = shard, .words = concat_text(print_shard(shard), ", of ", writer)};
  try {
    Launched launched = read_environment(environment);
    if (launched.taken.empty()) return found;
    const FoundShard other =
        find_launched(std::move(launched), AskedCount{.asker = writer, .count = shard.count});
    if (other.shard != shard && other.shard.count > 1) {
      found.warnings.push_back(concat_text(found.words, ", though there is ", other.words));
    }
  } catch (const Error& error) {
    found.warnings.push_back(concat_text(found.words, ", though ", error.what()));
  }
  return found;
}

}  // namespace

ShardRequest parse_shard(std::string_view flag, std::string_view text) {
  const size_t slash = text.find('/');
  SD_CHECK(slash != std::string_view::npos, ErrorKind::kUsage, flag,
           " expects INDEX/COUNT with the index from 0, as 2/8, or */COUNT, found '", text, "'");
  ShardRequest request;
  request.count =
      parse_integer(concat_text("the count of ", flag), text.substr(slash + 1), 1, kMostShards);
  const std::string_view index = text.substr(0, slash);
  if (index != "*") {
    request.index = parse_integer(concat_text("the index of ", flag), index, 0, request.count - 1);
  }
  return request;
}

FoundShard find_shard(const std::optional<ShardRequest>& option, const Environment& environment) {
  if (option && option->index) {
    return find_written("--shard", {.index = *option->index, .count = option->count}, environment);
  }
  std::optional<AskedCount> asked;
  if (option) asked = AskedCount{.asker = "--shard", .count = option->count};
  if (const auto text = find_text(environment, "SD_SHARD")) {
    const ShardRequest variable = parse_shard("SD_SHARD", *text);
    SD_CHECK(!asked || asked->count == variable.count, ErrorKind::kUsage,
             "SD_SHARD expects the count of --shard, ", asked->count, ", found ", variable.count);
    if (variable.index) {
      return find_written("SD_SHARD", {.index = *variable.index, .count = variable.count},
                          environment);
    }
    if (!asked) asked = AskedCount{.asker = "SD_SHARD", .count = variable.count};
  }
  if (const auto text = find_text(environment, "SD_SHARD_COUNT"); text && !asked) {
    asked = AskedCount{.asker = "SD_SHARD_COUNT",
                       .count = parse_integer("SD_SHARD_COUNT", *text, 1, kMostShards)};
  }
  Launched launched = read_environment(environment);
  if (launched.taken.empty()) {
    SD_CHECK(!asked || asked->count == 1, ErrorKind::kUsage, asked->asker, " asks for ",
             asked->count,
             " shards, but no launcher says which of them this is; expected "
             "--shard INDEX/",
             asked->count);
    return {};
  }
  FoundShard found = find_launched(std::move(launched), asked);
  SD_CHECK(!asked || asked->count == found.shard.count, ErrorKind::kUsage, asked->asker,
           " asks for ", asked->count, " shards, but this is ", found.words,
           "; expected the same count");
  return found;
}

}  // namespace sd
