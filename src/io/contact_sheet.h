#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "io/picture.h"

namespace sd {

inline constexpr int kMaxSheetSide = 65535;
inline constexpr int64_t kMaxSheetPixels = int64_t{1} << 28;

/// Tables of pictures one below the other. Each list has a label for every column, row and table,
/// and so says how many there are: at least one. Empty labels take no room where all are empty.
struct SheetLayout {
  std::vector<std::string> columns = {""};  ///< above the columns of each table: "steps: 10"
  std::vector<std::string> rows = {""};     ///< at the left
  std::vector<std::string> tables = {""};   ///< titles
  int most_side = kMaxSheetSide;  ///< of the sheet, in pixels; the format's max_side may be less
};

/// Width and height of the sheet whose largest pictures have that width and height. Errors: kUsage
/// for a side of more than `most_side` or kMaxSheetSide, or more than kMaxSheetPixels in all: it
/// says what to have less of.
std::pair<int64_t, int64_t> contact_sheet_size(const SheetLayout& layout, int width, int height);

/// The pictures of the tables, row after row, black labels on white. A picture that is smaller than
/// the largest stands in the middle of its cell; an empty one, of a picture that failed, leaves it
/// grey. The size of the text follows that of the cells. Labels are wrapped to the width of their
/// column and cut after some lines. Errors: as contact_sheet_size.
Picture make_contact_sheet(std::span<const Picture> pictures, const SheetLayout& layout);

}  // namespace sd
