#include "cli/bench_report.h"

#include <algorithm>
#include <array>
#include <iomanip>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string_view>

#include "core/check.h"

namespace sd {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kSchema = 1;

struct Part {
  std::string_view name;
  double BenchRound::*seconds;
};

constexpr std::array<Part, 4> kParts = {{{"encode", &BenchRound::encode},
                                         {"denoise", &BenchRound::denoise},
                                         {"decode", &BenchRound::decode},
                                         {"save", &BenchRound::save}}};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

/// Seconds of one call of the network.
double seconds_a_step(const BenchResult& result, const BenchRound& round) {
  const size_t calls = std::max<size_t>(result.settings.timesteps.size(), 1);
  return round.denoise / static_cast<double>(calls);
}

Json round_json(const BenchResult& result, const BenchRound& round) {
  Json object;
  for (const Part& part : kParts) object[std::string(part.name)] = round.*part.seconds;
  object["total"] = round.total();
  object["step"] = seconds_a_step(result, round);
  return object;
}

struct Key {
  std::string_view name;
  Json (*value)(const BenchResult& result);
  std::string_view meaning;
};

const std::array kKeys = {
    Key{"schema", [](const BenchResult&) -> Json { return kSchema; },
        "1; with this number keys may be added, but none goes or changes"},
    Key{"model", [](const BenchResult& result) -> Json { return result.model; },
        "name of the model"},
    Key{"width", [](const BenchResult& result) -> Json { return result.settings.width; }, "pixels"},
    Key{"height", [](const BenchResult& result) -> Json { return result.settings.height; },
        "pixels"},
    Key{"batch_size", [](const BenchResult& result) -> Json { return result.batch_size; },
        "images of a round"},
    Key{"steps", [](const BenchResult& result) -> Json { return result.settings.steps; },
        "denoising steps"},
    Key{"sampler", [](const BenchResult& result) -> Json { return result.settings.sampler; },
        "a name that --sampler takes"},
    Key{"scale", [](const BenchResult& result) -> Json { return result.settings.scale; },
        "guidance scale"},
    Key{"device", [](const BenchResult& result) -> Json { return result.settings.device; },
        "where it was computed"},
    Key{"dtype", [](const BenchResult& result) -> Json { return result.settings.dtype; },
        "numbers it was computed with"},
    Key{"threads", [](const BenchResult& result) -> Json { return result.settings.threads; },
        "of the CPU"},
    Key{"load", [](const BenchResult& result) -> Json { return result.load; },
        "seconds to open the engine and the model"},
    Key{"rounds",
        [](const BenchResult& result) -> Json {
          Json list = Json::array();
          for (const BenchRound& round : result.rounds) list.push_back(round_json(result, round));
          return list;
        },
        "a list of objects: seconds for encode, denoise, decode, save, in total, and a step (one "
        "call of the network)"},
    Key{"median",
        [](const BenchResult& result) -> Json { return round_json(result, median_round(result)); },
        "an object like those: medians of all rounds but the first"},
    Key{"peak_memory",
        [](const BenchResult& result) -> Json { return static_cast<int64_t>(result.peak_memory); },
        "bytes that the process held at most"},
};

}  // namespace

BenchRound median_round(const BenchResult& result) {
  BenchRound medians;
  const ptrdiff_t first = result.rounds.size() > 1 ? 1 : 0;
  for (const Part& part : kParts) {
    std::vector<double> values;
    std::transform(result.rounds.begin() + first, result.rounds.end(), std::back_inserter(values),
                   [&](const BenchRound& round) { return round.*part.seconds; });
    medians.*part.seconds = median(std::move(values));
  }
  return medians;
}

std::string print_bench(const BenchResult& result) {
  constexpr int kNameWidth = 12;
  constexpr int kNumberWidth = 10;
  constexpr double kGigabyte = 1e9;
  const Settings& settings = result.settings;
  const BenchRound& first = result.rounds.front();
  const BenchRound medians = median_round(result);
  std::ostringstream text;
  text << result.model << ", " << settings.width << "x" << settings.height << ", " << settings.steps
       << " steps of " << settings.sampler << ", scale " << settings.scale << ", "
       << result.batch_size << (result.batch_size == 1 ? " image" : " images") << " at once, "
       << settings.device << ", " << settings.dtype << ", " << settings.threads << " threads\n";
  text << std::fixed << std::setprecision(3) << std::left << std::setw(kNameWidth) << "seconds"
       << std::right << std::setw(kNumberWidth) << "first" << std::setw(kNumberWidth) << "median"
       << "\n";
  const auto row = [&](std::string_view name, double one, double other) {
    text << std::left << std::setw(kNameWidth) << name << std::right << std::setw(kNumberWidth)
         << one << std::setw(kNumberWidth) << other << "\n";
  };
  text << std::left << std::setw(kNameWidth) << "load" << std::right << std::setw(kNumberWidth)
       << result.load << "\n";
  for (const Part& part : kParts) {
    row(part.name, first.*part.seconds, medians.*part.seconds);
    if (part.name == "denoise") {
      row("  a step", seconds_a_step(result, first), seconds_a_step(result, medians));
    }
  }
  row("total", first.total(), medians.total());
  text << std::setprecision(2) << "peak memory " << result.peak_memory / kGigabyte << " GB\n";
  return text.str();
}

std::string bench_json(const BenchResult& result) {
  Json object;
  for (const Key& key : kKeys) object[std::string(key.name)] = key.value(result);
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::vector<HelpRow> bench_keys() {
  std::vector<HelpRow> rows;
  for (const Key& key : kKeys) rows.push_back({key.name, key.meaning});
  return rows;
}

}  // namespace sd
