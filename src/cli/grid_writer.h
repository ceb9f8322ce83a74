#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "sd/picture.h"

#include "cli/paint_plan.h"

namespace sd {

/// Collects the pictures of a run and writes them as one.
class GridWriter {
 public:
  explicit GridWriter(std::optional<GridPlan> plan) : plan_(std::move(plan)) {}

  /// Whether there will be a grid.
  explicit operator bool() const { return plan_.has_value(); }

  /// Takes a picture and the parameters of it, which the grid carries of its first one. Returns why
  /// there will be no grid, where it would become too large with this one; else nothing.
  std::optional<std::string> add(const Picture& picture, const std::string& parameters);

  /// Writes grid-0000.png, or the next number that is free, and returns its path; nothing where
  /// there are no pictures. The folder must be there. Errors: kOutput.
  std::optional<std::filesystem::path> write() const;

 private:
  std::optional<GridPlan> plan_;
  std::vector<Picture> pictures_;
  std::string parameters_;
};

}  // namespace sd
