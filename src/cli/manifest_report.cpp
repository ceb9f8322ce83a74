#include "cli/manifest_report.h"

#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

#include "core/check.h"
#include "jobs/job_text.h"

namespace sd {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kSchema = 1;

/// What may be found, and how people and programs hear of it.
struct Kind {
  std::string_view key;
  std::string_view words;
  Findings ManifestReport::*findings;
  std::string_view meaning;
};

constexpr std::array kKinds = {
    Kind{"missing", "pictures that no line tells of", &ManifestReport::missing,
         "pictures that no line tells of, by number: 7 or 7 to 9"},
    Kind{"failed", "pictures that could not be made", &ManifestReport::failed,
         "pictures that could not be made, and why"},
    Kind{"absent", "files that are gone", &ManifestReport::absent, "files that are gone"},
    Kind{"damaged", "files with other bytes than were written", &ManifestReport::damaged,
         "files with other bytes than were written"},
    Kind{"twice", "pictures that two processes made", &ManifestReport::twice,
         "pictures that two processes made"},
    Kind{"shared", "files that two pictures name", &ManifestReport::shared,
         "files that two pictures name"},
    Kind{"unnamed", "files that no line names", &ManifestReport::unnamed,
         "files that no line names, which may be your own: they do not count as wrong"},
};

/// On one line; bytes of a file name that are no UTF-8 become U+FFFD.
std::string dump(const Json& object) {
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string print_findings(const Kind& kind, const Findings& findings) {
  constexpr size_t kLongest = 200;
  std::string text = concat_text("  ", kind.words, ": ", findings.count, "\n");
  for (const std::string& found : findings.first) text += "    " + quotable(found, kLongest) + "\n";
  if (findings.count > findings.first.size()) text += "    ...\n";
  return text;
}

}  // namespace

std::string print_manifest_report(const std::filesystem::path& folder,
                                  const ManifestReport& report) {
  std::string text = concat_text(folder.string(), ": ", report.images, " of ", report.expected,
                                 report.expected == 1 ? " picture was made" : " pictures were made",
                                 report.is_sound() ? ", all of them are there and whole\n" : "\n");
  for (const Kind& kind : kKinds) {
    const Findings& findings = report.*kind.findings;
    if (findings.count > 0) text += print_findings(kind, findings);
  }
  return text;
}

std::string manifest_report_json(const std::filesystem::path& folder,
                                 const ManifestReport& report) {
  Json object = {{"schema", kSchema},
                 {"folder", folder.string()},
                 {"sound", report.is_sound()},
                 {"images", report.images},
                 {"expected", report.expected}};
  for (const Kind& kind : kKinds) {
    const Findings& findings = report.*kind.findings;
    object[std::string(kind.key)] = {{"count", findings.count}, {"first", findings.first}};
  }
  return dump(object);
}

std::string merged_manifest_json(const std::filesystem::path& file, const MergedManifest& merged) {
  return dump({{"schema", kSchema},
               {"manifest", file.string()},
               {"manifests", merged.manifests},
               {"images", merged.images},
               {"failures", merged.failures}});
}

std::vector<HelpRow> manifest_keys() {
  std::vector<HelpRow> rows = {
      {"schema", "1; with this number keys may be added, but none goes or changes"},
      {"folder", "verify: as it was named"},
      {"sound", "verify: whether every picture is there once and whole"},
      {"images", "pictures that were made"},
      {"expected",
       "verify: pictures of the job file where their number is known, else up to the "
       "last one"}};
  for (const Kind& kind : kKinds) rows.push_back({kind.key, kind.meaning});
  rows.insert(rows.end(), {{"missing.count, ...", "how many there are of it"},
                           {"missing.first, ...", "a list of texts: the first 20"},
                           {"manifest", "merge: path of the manifest that was written"},
                           {"manifests", "merge: how many were read"},
                           {"failures", "merge: pictures that could not be made"}});
  return rows;
}

}  // namespace sd
