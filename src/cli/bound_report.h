#pragma once

#include <string>
#include <vector>

#include "sd/pipeline.h"

#include "cli/help_sections.h"

namespace sd {

/// What `sd eval vlb` found, and of what.
struct BoundReport {
  std::string model;
  std::string image;  ///< name of the picture's file
  std::string prompt;
  uint64_t seed = 0;
  bool clip_denoised = true;
  Bound bound;

  /// Whether every time of the training was evaluated.
  bool is_exact() const { return std::ssize(bound.terms) == bound.train_times; }
};

/// A table for people: a row for each time, then the totals.
std::string print_bound(const BoundReport& report);

/// For programs: an object on one line. Version 1: keys may be added, none goes or changes.
std::string bound_json(const BoundReport& report);

/// For spreadsheets: a line of names, then one for each time, as RFC 4180 has it but for lone line
/// feeds.
std::string bound_csv(const BoundReport& report);

/// Every key of the object.
std::vector<HelpRow> bound_keys();

}  // namespace sd
