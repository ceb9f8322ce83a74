#include "io/contact_sheet.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>

#include "core/check.h"
#include "io/label_text.h"
#include "io/paste_picture.h"

namespace sd {
namespace {

constexpr int64_t kBytesPerPixel = 3;
constexpr uint8_t kWhite = 255;
constexpr uint8_t kGrey = 232;  // of a picture that failed

// Sizes of text are those of its em square, in pixels.
constexpr int kSmallestText = 11;
constexpr int kLargestText = 48;
constexpr int kTextsPerCell = 18;   // cells are so many times as high as the text
constexpr double kTitleSize = 1.3;  // times that of the other labels
constexpr size_t kMostColumnLines = 4;
constexpr size_t kMostTitleLines = 3;
constexpr int kNarrowestColumn = 4;  // times the text size, where columns have labels
constexpr int kWidestRowLabel = 14;  // times the text size, and at least
constexpr double kRowLabelPerCell = 0.6;

using Lines = std::vector<std::string>;

bool has_label(const std::vector<std::string>& labels) {
  return std::ranges::any_of(labels, [](const std::string& label) { return !label.empty(); });
}

std::vector<Lines> wrap_all(const LabelText& text, const std::vector<std::string>& labels,
                            int64_t width, size_t most_lines) {
  std::vector<Lines> wrapped;
  for (const std::string& label : labels) {
    wrapped.push_back(text.wrap(label, static_cast<int>(width), most_lines));
  }
  return wrapped;
}

int64_t most_lines_of(const std::vector<Lines>& labels) {
  size_t most = 0;
  for (const Lines& lines : labels) most = std::max(most, lines.size());
  return static_cast<int64_t>(most);
}

int64_t width_of(const LabelText& text, const std::vector<Lines>& labels) {
  double widest = 0;
  for (const Lines& lines : labels) {
    for (const std::string& line : lines) widest = std::max(widest, text.width(line));
  }
  return static_cast<int64_t>(std::ceil(widest));
}

int text_size(int width, int height) {
  return std::clamp(std::min(width, height) / kTextsPerCell, kSmallestText, kLargestText);
}

/// Where everything stands; pixels.
struct Plan {
  Plan(const SheetLayout& layout, int picture_width, int picture_height);

  int64_t cell_left(int64_t column) const { return cells_left + column * (cell_width + gap); }
  int64_t cell_top(int64_t table, int64_t row) const {
    return table_top(table) + title_height[static_cast<size_t>(table)] + column_label_height +
           row * (cell_height + gap);
  }
  int64_t table_top(int64_t table) const { return table_tops[static_cast<size_t>(table)]; }

  LabelText text;
  LabelText title_text;
  int64_t gap;     ///< between cells, and between cells and labels
  int64_t margin;  ///< around all
  int64_t cell_width;
  int64_t cell_height;
  int64_t cells_left;
  int64_t cells_right;
  std::vector<Lines> columns;
  std::vector<Lines> rows;
  std::vector<Lines> titles;
  int64_t column_label_height = 0;    ///< with what is free below
  std::vector<int64_t> title_height;  ///< of each table, with what is free below
  std::vector<int64_t> table_tops;
  int64_t width;
  int64_t height;
};

Plan::Plan(const SheetLayout& layout, int picture_width, int picture_height)
    : text(text_size(picture_width, picture_height)),
      title_text(static_cast<int>(kTitleSize * text_size(picture_width, picture_height))) {
  const int size = text_size(picture_width, picture_height);
  const bool labels_columns = has_label(layout.columns);
  const bool labels_rows = has_label(layout.rows);
  const bool has_any = labels_columns || labels_rows || has_label(layout.tables);
  gap = std::max(2, size / 3);
  margin = has_any ? size : gap;
  cell_width = std::max(picture_width, labels_columns ? kNarrowestColumn * size : 0);
  cell_height = std::max(picture_height, labels_rows ? text.line_height() : 0);

  columns = wrap_all(text, layout.columns, cell_width, kMostColumnLines);
  if (labels_columns) column_label_height = most_lines_of(columns) * text.line_height() + gap;

  const auto row_label_width =
      std::max<int64_t>(kWidestRowLabel * size, std::llround(kRowLabelPerCell * picture_width));
  rows = wrap_all(text, layout.rows, row_label_width,
                  static_cast<size_t>(cell_height / text.line_height()));
  cells_left = margin + (labels_rows ? width_of(text, rows) + 2 * gap : 0);
  cells_right = cells_left - gap + std::ssize(layout.columns) * (cell_width + gap);
  width = cells_right + margin;

  titles = wrap_all(title_text, layout.tables, width - 2 * margin, kMostTitleLines);
  int64_t top = margin;
  for (const Lines& lines : titles) {
    table_tops.push_back(top);
    const auto count = std::ssize(lines);
    title_height.push_back(count > 0 ? count * title_text.line_height() + 2 * gap : 0);
    top += title_height.back() + column_label_height - gap +
           std::ssize(layout.rows) * (cell_height + gap) + (has_any ? 2 * margin : gap);
  }
  height = top - (has_any ? margin : 0);
}

void check_size(const Plan& plan, const SheetLayout& layout) {
  const int most = std::min(layout.most_side, kMaxSheetSide);
  const auto check = [&](bool holds, const auto&... parts) {
    SD_CHECK(holds, ErrorKind::kUsage, "the contact sheet would have ", plan.width, " x ",
             plan.height, " pixels, expected ", parts...);
  };
  check(plan.width <= most, "at most ", most, " across: fewer columns than ", layout.columns.size(),
        ", or pictures that are less than ", plan.cell_width, " wide");
  check(plan.height <= most, "at most ", most, " down: fewer rows than ",
        layout.rows.size() * layout.tables.size(), ", or pictures that are less than ",
        plan.cell_height, " high");
  check(plan.width * plan.height <= kMaxSheetPixels, "at most ", kMaxSheetPixels,
        " in all: fewer pictures than ",
        layout.columns.size() * layout.rows.size() * layout.tables.size(),
        ", or smaller ones than ", plan.cell_width, " x ", plan.cell_height);
}

PictureArea area(int64_t left, int64_t top, int64_t right, int64_t bottom) {
  return {static_cast<int>(left), static_cast<int>(top), static_cast<int>(right),
          static_cast<int>(bottom)};
}

void draw_labels(Picture& sheet, const Plan& plan, int64_t table) {
  const int64_t top = plan.table_top(table);
  const int64_t columns_top = top + plan.title_height[static_cast<size_t>(table)];
  const int64_t columns_bottom = columns_top + plan.column_label_height - plan.gap;
  plan.title_text.draw(sheet, plan.titles[static_cast<size_t>(table)],
                       area(plan.margin, top, plan.width - plan.margin, columns_top),
                       TextAlignment::kLeft);
  for (int64_t column = 0; column < std::ssize(plan.columns); ++column) {
    const Lines& lines = plan.columns[static_cast<size_t>(column)];
    const int64_t left = plan.cell_left(column);
    const int64_t first = columns_bottom - std::ssize(lines) * plan.text.line_height();
    plan.text.draw(sheet, lines, area(left, first, left + plan.cell_width, columns_bottom),
                   TextAlignment::kCenter);
  }
  for (int64_t row = 0; row < std::ssize(plan.rows); ++row) {
    const Lines& lines = plan.rows[static_cast<size_t>(row)];
    const int64_t cell = plan.cell_top(table, row);
    const int64_t spare = plan.cell_height - std::ssize(lines) * plan.text.line_height();
    plan.text.draw(sheet, lines,
                   area(plan.margin, cell + spare / 2, plan.cells_left - 2 * plan.gap,
                        cell + plan.cell_height),
                   TextAlignment::kRight);
  }
}

Picture grey_cell(int64_t width, int64_t height) {
  const auto bytes = static_cast<size_t>(width * height * kBytesPerPixel);
  return {static_cast<int>(width), static_cast<int>(height), std::vector<uint8_t>(bytes, kGrey)};
}

}  // namespace

std::pair<int64_t, int64_t> contact_sheet_size(const SheetLayout& layout, int width, int height) {
  const Plan plan(layout, width, height);
  check_size(plan, layout);
  return {plan.width, plan.height};
}

Picture make_contact_sheet(std::span<const Picture> pictures, const SheetLayout& layout) {
  const auto columns = std::ssize(layout.columns);
  const auto rows = std::ssize(layout.rows);
  const auto tables = std::ssize(layout.tables);
  assert(std::ssize(pictures) == columns * rows * tables && !pictures.empty());
  int width = 0;
  int height = 0;
  for (const Picture& picture : pictures) {
    width = std::max(width, picture.width);
    height = std::max(height, picture.height);
  }
  const Plan plan(layout, width, height);
  check_size(plan, layout);

  const auto bytes = static_cast<size_t>(plan.width * plan.height * kBytesPerPixel);
  Picture sheet = {static_cast<int>(plan.width), static_cast<int>(plan.height),
                   std::vector<uint8_t>(bytes, kWhite)};
  for (int64_t table = 0; table < tables; ++table) draw_labels(sheet, plan, table);
  const Picture failed = grey_cell(width, height);
  for (int64_t i = 0; i < std::ssize(pictures); ++i) {
    const Picture& given = pictures[static_cast<size_t>(i)];
    const Picture& picture = given.rgb.empty() ? failed : given;
    const int64_t left = plan.cell_left(i % columns);
    const int64_t top = plan.cell_top(i / columns / rows, i / columns % rows);
    paste_picture(sheet, picture, left + (plan.cell_width - picture.width) / 2,
                  top + (plan.cell_height - picture.height) / 2);
  }
  return sheet;
}

}  // namespace sd
