#include "cli/bound_report.h"

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

/// A number of each row, as programs call it.
struct Column {
  std::string_view name;
  Json (*value)(const BoundTerm& term);
};

const std::array kColumns = {
    Column{"time", [](const BoundTerm& term) -> Json { return term.time; }},
    Column{"weight", [](const BoundTerm& term) -> Json { return term.weight; }},
    Column{"vb", [](const BoundTerm& term) -> Json { return term.vb; }},
    Column{"mse", [](const BoundTerm& term) -> Json { return term.mse; }},
    Column{"xstart_mse", [](const BoundTerm& term) -> Json { return term.x0_mse; }},
};

Json terms_json(const Bound& bound) {
  Json list = Json::array();
  for (const BoundTerm& term : bound.terms) {
    Json row;
    for (const Column& column : kColumns) row[std::string(column.name)] = column.value(term);
    list.push_back(std::move(row));
  }
  return list;
}

struct Key {
  std::string_view name;
  Json (*value)(const BoundReport& report);
  std::string_view meaning;
};

const std::array kKeys = {
    Key{"schema", [](const BoundReport&) -> Json { return kSchema; },
        "1; with this number keys may be added, but none goes or changes"},
    Key{"model", [](const BoundReport& report) -> Json { return report.model; },
        "name of the model"},
    Key{"image", [](const BoundReport& report) -> Json { return report.image; },
        "name of the picture's file"},
    Key{"prompt", [](const BoundReport& report) -> Json { return report.prompt; }, "its prompt"},
    Key{"seed", [](const BoundReport& report) -> Json { return report.seed; },
        "of posterior and noise"},
    Key{"width", [](const BoundReport& report) -> Json { return report.bound.settings.width; },
        "pixels that the picture was resized to"},
    Key{"height", [](const BoundReport& report) -> Json { return report.bound.settings.height; },
        "pixels"},
    Key{"clip_denoised", [](const BoundReport& report) -> Json { return report.clip_denoised; },
        "true unless --no-clip-denoised"},
    Key{"prediction_type",
        [](const BoundReport& report) -> Json { return report.bound.settings.prediction_type; },
        "what the network predicts: epsilon, v_prediction or sample"},
    Key{"device", [](const BoundReport& report) -> Json { return report.bound.settings.device; },
        "where it was computed"},
    Key{"dtype", [](const BoundReport& report) -> Json { return report.bound.settings.dtype; },
        "numbers that the networks computed with"},
    Key{"threads", [](const BoundReport& report) -> Json { return report.bound.settings.threads; },
        "of the CPU"},
    Key{"train_times", [](const BoundReport& report) -> Json { return report.bound.train_times; },
        "times that the model was trained on"},
    Key{"exact", [](const BoundReport& report) -> Json { return report.is_exact(); },
        "true where all of them were evaluated; else totals are estimates"},
    Key{"prior_bpd", [](const BoundReport& report) -> Json { return report.bound.prior; },
        "KL of the latents at the last time and pure noise"},
    Key{"vb", [](const BoundReport& report) -> Json { return report.bound.vb; },
        "sum of weight x vb of all rows"},
    Key{"total_bpd", [](const BoundReport& report) -> Json { return report.bound.total; },
        "prior_bpd + vb: bits per dimension of the latents"},
    Key{"mse", [](const BoundReport& report) -> Json { return report.bound.mse; },
        "mean of the mse of all rows, by weight"},
    Key{"xstart_mse", [](const BoundReport& report) -> Json { return report.bound.x0_mse; },
        "mean of the xstart_mse of all rows, by weight"},
    Key{"encode", [](const BoundReport& report) -> Json { return report.bound.timings.encode; },
        "seconds for text and picture, with what had to be loaded"},
    Key{"evaluate", [](const BoundReport& report) -> Json { return report.bound.timings.denoise; },
        "seconds for all calls of the network"},
    Key{"terms", [](const BoundReport& report) -> Json { return terms_json(report.bound); },
        "a list of objects, the latest time first: time; weight, the times that it stands for; vb, "
        "bits per dimension; mse, of the noise that the predicted clean latents imply; xstart_mse, "
        "of these latents"},
};

}  // namespace

std::string print_bound(const BoundReport& report) {
  constexpr int kNarrow = 8;
  constexpr int kWide = 14;
  constexpr int kDigits = 6;
  const Bound& bound = report.bound;
  const Settings& settings = bound.settings;
  std::ostringstream text;
  text << report.model << ", " << report.image << " as " << settings.width << "x" << settings.height
       << ", seed " << report.seed << ", " << (report.clip_denoised ? "clipped" : "not clipped")
       << ", " << settings.device << ", " << settings.dtype << "\n";
  text << std::right << std::setw(kNarrow) << "time" << std::setw(kNarrow) << "weight"
       << std::setw(kWide) << "bits/dim" << std::setw(kWide) << "mse" << std::setw(kWide)
       << "x0 error"
       << "\n"
       << std::setprecision(kDigits);
  for (const BoundTerm& term : bound.terms) {
    text << std::setw(kNarrow) << term.time << std::setw(kNarrow) << term.weight << std::setw(kWide)
         << term.vb << std::setw(kWide) << term.mse << std::setw(kWide) << term.x0_mse << "\n";
  }
  text << std::setw(2 * kNarrow) << (report.is_exact() ? "all" : "estimate") << std::setw(kWide)
       << bound.vb << std::setw(kWide) << bound.mse << std::setw(kWide) << bound.x0_mse << "\n"
       << std::setw(2 * kNarrow) << "prior" << std::setw(kWide) << bound.prior << "\n"
       << std::setw(2 * kNarrow) << (report.is_exact() ? "total" : "estimated total")
       << std::setw(kWide) << bound.total << "\n";
  return text.str();
}

std::string bound_json(const BoundReport& report) {
  Json object;
  for (const Key& key : kKeys) object[std::string(key.name)] = key.value(report);
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string bound_csv(const BoundReport& report) {
  std::string text;
  for (const Column& column : kColumns) {
    text += concat_text(text.empty() ? "" : ",", column.name);
  }
  for (const BoundTerm& term : report.bound.terms) {
    std::string line;
    for (const Column& column : kColumns) {
      line += concat_text(line.empty() ? "" : ",", column.value(term).dump());
    }
    text += "\n" + line;
  }
  return text + "\n";
}

std::vector<HelpRow> bound_keys() {
  std::vector<HelpRow> rows;
  for (const Key& key : kKeys) rows.push_back({key.name, key.meaning});
  return rows;
}

}  // namespace sd
