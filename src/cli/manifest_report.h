#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/help_sections.h"
#include "jobs/merge_manifests.h"
#include "jobs/verify_manifest.h"

namespace sd {

/// For people: how many pictures are there, then a line for each kind of what is wrong, with the
/// first of them.
std::string print_manifest_report(const std::filesystem::path& folder,
                                  const ManifestReport& report);

/// For programs: an object on one line. Version 1: keys may be added, none goes or changes.
std::string manifest_report_json(const std::filesystem::path& folder, const ManifestReport& report);
std::string merged_manifest_json(const std::filesystem::path& file, const MergedManifest& merged);

/// Every key of these lines.
std::vector<HelpRow> manifest_keys();

}  // namespace sd
