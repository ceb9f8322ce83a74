#include "io/contact_sheet.h"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/errors.h"

namespace sd {
namespace {

/// A picture that is found nowhere else: red says which it is, and nothing of it is grey.
Picture numbered(int width, int height, int number) {
  Picture picture{width, height, {}};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      picture.rgb.push_back(static_cast<uint8_t>(number));
      picture.rgb.push_back(static_cast<uint8_t>(200 + (x * 3 + y * 5) % 50));
      picture.rgb.push_back(7);
    }
  }
  return picture;
}

std::vector<Picture> numbered_pictures(const SheetLayout& layout, int width, int height) {
  const size_t count = layout.columns.size() * layout.rows.size() * layout.tables.size();
  std::vector<Picture> pictures;
  for (size_t i = 0; i < count; ++i) {
    pictures.push_back(numbered(width, height, static_cast<int>(i)));
  }
  return pictures;
}

struct Pixel {
  uint8_t red, green, blue;
  bool is_grey() const { return red == green && green == blue; }
  bool is_white() const { return is_grey() && red == 255; }
};

Pixel at(const Picture& picture, int x, int y) {
  const size_t i = (static_cast<size_t>(y) * picture.width + x) * 3;
  return {picture.rgb[i], picture.rgb[i + 1], picture.rgb[i + 2]};
}

struct Box {
  int left, top, right, bottom;  // right and bottom are outside
  bool operator==(const Box&) const = default;
};

/// Where the sheet has all the picture's pixels.
std::optional<Box> find(const Picture& sheet, const Picture& picture) {
  for (int top = 0; top + picture.height <= sheet.height; ++top) {
    for (int left = 0; left + picture.width <= sheet.width; ++left) {
      const auto row_is_there = [&](int y) {
        const auto* row = &sheet.rgb[(static_cast<size_t>(top + y) * sheet.width + left) * 3];
        const auto bytes = static_cast<size_t>(picture.width) * 3;
        return std::equal(row, row + bytes, &picture.rgb[y * bytes]);
      };
      int y = 0;
      while (y < picture.height && row_is_there(y)) ++y;
      if (y == picture.height) return Box{left, top, left + picture.width, top + picture.height};
    }
  }
  return std::nullopt;
}

/// The box around all grey pixels that are not white in that part of the sheet: the ink of labels.
std::optional<Box> ink(const Picture& sheet, Box part) {
  Box found = {sheet.width, sheet.height, 0, 0};
  for (int y = part.top; y < part.bottom; ++y) {
    for (int x = part.left; x < part.right; ++x) {
      const Pixel pixel = at(sheet, x, y);
      if (!pixel.is_grey() || pixel.is_white()) continue;
      found = {std::min(found.left, x), std::min(found.top, y), std::max(found.right, x + 1),
               std::max(found.bottom, y + 1)};
    }
  }
  if (found.right == 0) return std::nullopt;
  return found;
}

std::optional<Box> ink(const Picture& sheet) {
  return ink(sheet, {0, 0, sheet.width, sheet.height});
}

Picture sheet_of(const SheetLayout& layout, int width, int height) {
  return make_contact_sheet(numbered_pictures(layout, width, height), layout);
}

TEST(ContactSheet, HoldsEachPictureUnchangedRowAfterRow) {
  const SheetLayout layout = {
      {"steps: 10", "steps: 20", "steps: 30"}, {"scale: 3", "scale: 5"}, {"model: a", "model: b"}};
  const std::vector<Picture> pictures = numbered_pictures(layout, 70, 50);
  const Picture sheet = make_contact_sheet(pictures, layout);
  EXPECT_EQ(contact_sheet_size(layout, 70, 50),
            std::make_pair(int64_t{sheet.width}, int64_t{sheet.height}));
  EXPECT_EQ(sheet.rgb.size(), size_t{3} * sheet.width * sheet.height);
  std::vector<Box> boxes;
  for (const Picture& picture : pictures) {
    const auto box = find(sheet, picture);
    ASSERT_TRUE(box);
    boxes.push_back(*box);
  }
  for (size_t i = 0; i < boxes.size(); ++i) {
    const size_t column = i % 3;
    EXPECT_EQ(boxes[i].left, boxes[column].left);
    EXPECT_EQ(boxes[i].top, boxes[i - column].top);
    if (column > 0) {
      EXPECT_GT(boxes[i].left, boxes[i - 1].right);
    }
    if (i >= 3) {
      EXPECT_GT(boxes[i].top, boxes[i - 3].bottom);
    }
  }
}

TEST(ContactSheet, WithoutLabelsIsPicturesAndTheSpaceBetween) {
  const SheetLayout layout = {{"", ""}, {"", "", ""}};
  const Picture sheet = sheet_of(layout, 64, 32);
  const auto first = find(sheet, numbered(64, 32, 0));
  ASSERT_TRUE(first);
  const int gap = first->left;
  EXPECT_EQ(first->top, gap);
  EXPECT_EQ(sheet.width, gap + 2 * (64 + gap));
  EXPECT_EQ(sheet.height, gap + 3 * (32 + gap));
  EXPECT_FALSE(ink(sheet));
}

TEST(ContactSheet, OfOnePictureWithoutLabelsIsThePictureWithAMargin) {
  const Picture sheet = sheet_of(SheetLayout(), 64, 32);
  const auto only = find(sheet, numbered(64, 32, 0));
  ASSERT_TRUE(only);
  EXPECT_EQ(*only, (Box{sheet.width - only->right, sheet.height - only->bottom, only->right,
                        only->bottom}));
}

TEST(ContactSheet, WritesLabelsAboveTheirColumns) {
  const SheetLayout layout = {{"steps: 10", "", "steps: 30"}};
  const Picture sheet = sheet_of(layout, 100, 100);
  for (int column = 0; column < 3; ++column) {
    const auto cell = find(sheet, numbered(100, 100, column));
    ASSERT_TRUE(cell);
    const auto label = ink(sheet, {cell->left, 0, cell->right, cell->top});
    ASSERT_EQ(label.has_value(), column != 1);
    if (label) {
      EXPECT_NEAR(label->left + label->right, cell->left + cell->right, 4);
    }
    EXPECT_FALSE(ink(sheet, {cell->right, 0, cell->right + 2, sheet.height}));
    EXPECT_FALSE(ink(sheet, {0, cell->bottom, sheet.width, sheet.height}));
    EXPECT_FALSE(ink(sheet, {0, cell->top - 2, sheet.width, cell->top}));
  }
}

TEST(ContactSheet, WritesLabelsAtTheLeftOfTheirRows) {
  const SheetLayout layout = {{""}, {"scale: 3", "", "scale: 7.5"}};
  const Picture sheet = sheet_of(layout, 80, 100);
  for (int row = 0; row < 3; ++row) {
    const auto cell = find(sheet, numbered(80, 100, row));
    ASSERT_TRUE(cell);
    const auto label = ink(sheet, {0, cell->top, cell->left, cell->bottom});
    ASSERT_EQ(label.has_value(), row != 1);
    if (label) {
      EXPECT_NEAR(label->top + label->bottom, cell->top + cell->bottom, 8);
      EXPECT_GT(label->left, 4);
      EXPECT_LT(label->right, cell->left - 2);
    }
    EXPECT_FALSE(ink(sheet, {cell->left, 0, sheet.width, sheet.height}));
    EXPECT_FALSE(ink(sheet, {0, cell->bottom, sheet.width, cell->bottom + 2}));
  }
}

TEST(ContactSheet, WritesTitlesAboveTheirTables) {
  const SheetLayout layout = {{""}, {""}, {"model: a", "model: b"}};
  const Picture sheet = sheet_of(layout, 200, 100);
  const auto first = find(sheet, numbered(200, 100, 0));
  const auto second = find(sheet, numbered(200, 100, 1));
  ASSERT_TRUE(first && second);
  EXPECT_TRUE(ink(sheet, {0, 0, sheet.width, first->top}));
  EXPECT_TRUE(ink(sheet, {0, first->bottom + 8, sheet.width, second->top - 2}));
  EXPECT_FALSE(ink(sheet, {0, first->top, sheet.width, first->bottom + 8}));
  EXPECT_FALSE(ink(sheet, {0, second->top - 2, sheet.width, sheet.height}));
}

TEST(ContactSheet, DifferentLabelsLookDifferent) {
  const auto labelled = [](const char* label) { return sheet_of({{label}, {"x"}}, 100, 100); };
  EXPECT_EQ(labelled("steps: 10"), labelled("steps: 10"));
  EXPECT_NE(labelled("steps: 10"), labelled("steps: 20"));
  EXPECT_NE(labelled("красный"), labelled("кровный"));
  EXPECT_EQ(labelled("steps: 10\n"), labelled(" steps:  10"));
}

TEST(ContactSheet, LongLabelsStayInTheirCells) {
  std::string prompt;
  for (int i = 0; i < 400; ++i) prompt += "a very long prompt, ";
  const std::string word(3000, 'W');
  for (const int side : {8, 64, 300}) {
    const SheetLayout layout = {{prompt, "", word, ""}, {prompt, "", word, ""}};
    const Picture sheet = sheet_of(layout, side, side);
    const auto first = find(sheet, numbered(side, side, 0));
    const auto last = find(sheet, numbered(side, side, 15));
    ASSERT_TRUE(first && last);
    EXPECT_LT(sheet.height, 5 * std::max(side, 60) + 100);
    EXPECT_FALSE(ink(sheet, {first->left, first->top, sheet.width, sheet.height}));
    for (const int empty : {1, 3}) {
      const auto beside = find(sheet, numbered(side, side, empty));
      const auto below = find(sheet, numbered(side, side, empty * 4));
      ASSERT_TRUE(beside && below);
      EXPECT_FALSE(ink(sheet, {beside->left, 0, beside->right, first->top})) << side;
      EXPECT_FALSE(ink(sheet, {0, below->top, first->left, below->bottom})) << side;
    }
    EXPECT_TRUE(ink(sheet, {first->left, 0, first->right, first->top})) << side;
    EXPECT_TRUE(ink(sheet, {0, first->top, first->left, first->bottom})) << side;
  }
}

TEST(ContactSheet, TextGrowsWithTheCells) {
  const auto height_at = [](int side) {
    const Picture sheet = sheet_of({{"HHH"}}, side, side);
    const auto label = ink(sheet);
    return label ? label->bottom - label->top : 0;
  };
  EXPECT_GE(height_at(64), 8);
  EXPECT_GE(height_at(512), 18);
  EXPECT_GE(height_at(1024), 30);
  EXPECT_LE(height_at(4096), 60);
}

TEST(ContactSheet, DrawsChineseAndWhatIsNoUtf8) {
  const SheetLayout layout = {{"红色的圆", "\xff\xfe"}, {"赤い円"}};
  const Picture sheet = sheet_of(layout, 64, 64);
  const auto cell = find(sheet, numbered(64, 64, 0));
  ASSERT_TRUE(cell);
  EXPECT_TRUE(ink(sheet, {cell->left, 0, cell->right, cell->top}));
  EXPECT_TRUE(ink(sheet, {0, cell->top, cell->left, cell->bottom}));
}

TEST(ContactSheet, SmallerPicturesStandInTheMiddleOfTheirCells) {
  const SheetLayout layout = {{"a", "b"}};
  const std::vector<Picture> pictures = {numbered(60, 80, 1), numbered(20, 40, 2)};
  const Picture sheet = make_contact_sheet(pictures, layout);
  const auto large = find(sheet, pictures[0]);
  const auto small = find(sheet, pictures[1]);
  ASSERT_TRUE(large && small);
  EXPECT_EQ(small->top, large->top + 20);
  const int second_cell = small->left - 20;
  EXPECT_GT(second_cell, large->right);
  EXPECT_LT(second_cell, large->right + 10);
  EXPECT_EQ(contact_sheet_size(layout, 60, 80).first, sheet.width);
}

TEST(ContactSheet, APictureThatFailedLeavesAGreyCell) {
  const SheetLayout layout = {{"", ""}};
  const std::vector<Picture> pictures = {numbered(60, 80, 1), Picture()};
  const Picture sheet = make_contact_sheet(pictures, layout);
  const auto grey = ink(sheet);
  ASSERT_TRUE(grey);
  EXPECT_EQ(grey->right - grey->left, 60);
  EXPECT_EQ(grey->bottom - grey->top, 80);
  EXPECT_EQ(at(sheet, grey->left, grey->top).red, at(sheet, grey->right - 1, grey->top).red);
}

TEST(ContactSheet, TooLargeASheetSaysWhatToHaveLessOf) {
  const auto error = [](const SheetLayout& layout, int width, int height) {
    return error_of([&] { contact_sheet_size(layout, width, height); }, ErrorKind::kUsage);
  };
  const std::vector<std::string> many(1000);
  EXPECT_EQ(error({many}, 64, 64),
            "the contact sheet would have 67003 x 70 pixels, expected at most 65535 across: fewer "
            "columns than 1000, or pictures that are less than 64 wide");
  EXPECT_EQ(error({{""}, std::vector<std::string>(500), {"", ""}}, 64, 64),
            "the contact sheet would have 70 x 67003 pixels, expected at most 65535 down: fewer "
            "rows than 1000, or pictures that are less than 64 high");
  EXPECT_EQ(error({std::vector<std::string>(40), std::vector<std::string>(40)}, 512, 512),
            "the contact sheet would have 20849 x 20849 pixels, expected at most 268435456 in all: "
            "fewer pictures than 1600, or smaller ones than 512 x 512");
  SheetLayout webp = {{"", ""}};
  webp.most_side = 1000;
  EXPECT_EQ(error(webp, 512, 512),
            "the contact sheet would have 1051 x 530 pixels, expected at most 1000 across: fewer "
            "columns than 2, or pictures that are less than 512 wide");
  const std::vector<Picture> wide = {numbered(512, 8, 1), numbered(512, 8, 2)};
  expect_error([&] { make_contact_sheet(wide, webp); }, ErrorKind::kUsage, "fewer columns than 2");
}

}  // namespace
}  // namespace sd
