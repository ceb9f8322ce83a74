#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/arguments.h"
#include "cli/batch_session.h"
#include "cli/console.h"
#include "io/contact_sheet.h"
#include "io/infotext.h"
#include "io/picture_format.h"
#include "jobs/grid_axes.h"

namespace sd {

/// The picture of all pictures of `sd grid`: the values of the first axis side by side, those of
/// the second one below each other, a table for each of the third.
class GridSheet {
 public:
  /// Takes --sheet and what is done where its file is there. `arguments` must outlive this. Errors:
  /// kUsage for a name that is none, has placeholders or leaves the folder.
  GridSheet(const Arguments& arguments, std::vector<GridAxis> axes);

  /// Whether there is to be one.
  bool is_wanted() const { return !name_.empty(); }

  /// Hears of a picture that is to be on it. Errors: kInput, of what the picture starts from;
  /// kUsage where it has the sheet's name, or a size that does not go with its start.
  void add(const BatchTask& task, const BatchNamer::Name& name, const ShelvedModel& model);

  /// Once all are known. Errors: kUsage for a sheet that would be too large, kOutput for a file
  /// that is there already.
  void check(const std::filesystem::path& folder, Console& console) const;

  /// What write made.
  struct Written {
    std::filesystem::path file;
    int pictures = 0;  ///< that it shows
  };

  /// Makes it of the files of the pictures, a grey cell for each that failed. Nothing where it was
  /// not to be, has no picture, waits for those of other processes, or was made by one of them: a
  /// note says so. Errors: kOutput, and kInput for a picture that cannot be read any more.
  std::optional<Written> write(BatchSession& session, Console& console) const;

 private:
  /// A start without what is in it: all that the size of a picture depends on.
  struct StartShape {
    std::optional<Picture> picture;
    std::optional<Latents> latents;
  };

  struct Cells {
    std::vector<Picture> pictures;  ///< empty where it is not there
    int found = 0;
    Infotext parameters;  ///< of the first that is there
  };

  PixelSize size_of(const BatchTask& task, const Pipeline& pipeline);
  const StartShape& shape_of_start(const Job& job);
  Cells read_cells(BatchSession& session) const;
  bool is_own(const std::filesystem::path& file) const;
  SheetLayout layout() const;

  const Arguments& arguments_;
  std::vector<GridAxis> axes_;
  std::string name_;  ///< below the folder; empty: there is to be none
  Encoding encoding_;
  int width_ = 0;  ///< of the largest picture
  int height_ = 0;
  std::map<std::string, StartShape> starts_;  ///< of what pictures start from, by file
};

}  // namespace sd
