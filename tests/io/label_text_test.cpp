#include "io/label_text.h"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <utility>
#include <vector>

namespace sd {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::IsEmpty;
using testing::SizeIs;
using Lines = std::vector<std::string>;

Picture white(int width, int height) {
  return {width, height, std::vector<uint8_t>(static_cast<size_t>(width) * height * 3, 255)};
}

Picture drawn(const std::string& line, TextAlignment alignment = TextAlignment::kLeft) {
  Picture canvas = white(400, 40);
  LabelText(20).draw(canvas, {line}, {0, 0, 400, 40}, alignment);
  return canvas;
}

uint8_t at(const Picture& picture, int x, int y) {
  return picture.rgb[(static_cast<size_t>(y) * picture.width + x) * 3];
}

/// The columns of pixels from the first to the last that are not all white.
std::pair<int, int> inked_columns(const Picture& picture) {
  int first = picture.width;
  int last = -1;
  for (int x = 0; x < picture.width; ++x) {
    for (int y = 0; y < picture.height; ++y) {
      if (at(picture, x, y) == 255) continue;
      first = std::min(first, x);
      last = x;
    }
  }
  return {first, last};
}

constexpr int kAnyWidth = 100000;

TEST(LabelText, KeepsWhatFitsInOneLine) {
  const LabelText text(16);
  EXPECT_THAT(text.wrap("steps: 10", 200, 4), ElementsAre("steps: 10"));
  EXPECT_THAT(text.wrap("steps: 10", static_cast<int>(text.width("steps: 10")) + 1, 1),
              ElementsAre("steps: 10"));
}

TEST(LabelText, MakesOneLineOfWhiteSpaceAndControlCharacters) {
  const LabelText text(16);
  EXPECT_THAT(text.wrap("  a\tcat\r\n\x01 on\n", kAnyWidth, 4), ElementsAre("a cat on"));
  EXPECT_THAT(text.wrap(" \n ", kAnyWidth, 4), IsEmpty());
  EXPECT_THAT(text.wrap("", kAnyWidth, 4), IsEmpty());
}

TEST(LabelText, MarksBytesThatAreNoUtf8) {
  EXPECT_THAT(LabelText(16).wrap("a\xff\xc3 b", kAnyWidth, 4), ElementsAre("a\uFFFD\uFFFD b"));
}

TEST(LabelText, BreaksBetweenWords) {
  const LabelText text(16);
  const int width = static_cast<int>(text.width("a red-blue")) + 1;
  EXPECT_THAT(text.wrap("a red-blue circle on it", width, 4),
              ElementsAre("a red-blue", "circle on", "it"));
}

TEST(LabelText, BreaksAWordThatIsTooWideWhereItHasASign) {
  const LabelText text(16);
  const int width = static_cast<int>(text.width("guidance_r")) + 1;
  EXPECT_THAT(text.wrap("guidance_rescale: 0.7", width, 4),
              ElementsAre("guidance_", "rescale:", "0.7"));
}

TEST(LabelText, BreaksAnyWordThatIsTooWide) {
  const LabelText text(16);
  const int width = static_cast<int>(text.width("00000")) + 1;
  EXPECT_THAT(text.wrap("000000000000", width, 4), ElementsAre("00000", "00000", "00"));
  EXPECT_THAT(text.wrap("жжж", 1, 4), ElementsAre("ж", "ж", "ж"));
}

TEST(LabelText, CutsWhatNeedsMoreLines) {
  const LabelText text(16);
  const int width = static_cast<int>(text.width("one two th")) + 1;
  EXPECT_THAT(text.wrap("one two three four five six", width, 2),
              ElementsAre("one two", "three fo…"));
  EXPECT_THAT(text.wrap("one two, three", width, 1), ElementsAre("one two…"));
  EXPECT_THAT(text.wrap("one two", 1, 1), ElementsAre("o…"));
}

TEST(LabelText, NoLineIsWiderThanAsked) {
  const LabelText text(13);
  std::string words;
  for (int i = 0; i < 500; ++i) words += std::string(1 + i * 7 % 23, 'a' + i % 26) + " -_,"[i % 4];
  for (int width = 20; width < 300; width += 7) {
    const Lines lines = text.wrap(words, width, 6);
    EXPECT_THAT(lines, SizeIs(6));
    EXPECT_THAT(lines.back(), EndsWith("…"));
    for (const std::string& line : lines) EXPECT_LE(text.width(line), width) << line;
  }
}

TEST(LabelText, HasLatinGreekAndCyrillic) {
  for (const char* letter : {"é", "ß", "ő", "Ω", "λ", "Ж", "ю", "…", "×", "°"}) {
    EXPECT_NE(drawn(letter), drawn("\u4e2d")) << letter;  // the box of what the font lacks
  }
  EXPECT_NE(drawn("Ж"), drawn("ю"));
}

TEST(LabelText, DrawsABoxForWhatTheFontLacks) {
  EXPECT_NE(drawn("\u4e2d"), white(400, 40));
  EXPECT_EQ(drawn("\u4e2d"), drawn("\u6587"));
}

TEST(LabelText, StandsWhereItIsAligned) {
  const auto [left, left_end] = inked_columns(drawn("steps"));
  EXPECT_LT(left, 4);
  const auto [center, center_end] = inked_columns(drawn("steps", TextAlignment::kCenter));
  EXPECT_NEAR(center + center_end, 400, 4);
  const auto [right, right_end] = inked_columns(drawn("steps", TextAlignment::kRight));
  EXPECT_GT(right_end, 395);
  EXPECT_NEAR(left_end - left, right_end - right, 1);
  EXPECT_NEAR(LabelText(20).width("steps"), left_end - left, 4);
}

TEST(LabelText, IsBlackAndSmoothed) {
  const Picture canvas = drawn("steps: 10 iIlL");
  EXPECT_LT(*std::ranges::min_element(canvas.rgb), 16);
  EXPECT_GT(std::ranges::count_if(canvas.rgb, [](uint8_t v) { return v > 32 && v < 224; }), 50);
}

TEST(LabelText, ScalesWithItsSize) {
  EXPECT_NEAR(LabelText(40).width("steps: 10"), 4 * LabelText(10).width("steps: 10"), 0.01);
  EXPECT_EQ(LabelText(40).line_height(), 48);
}

TEST(LabelText, ChangesNothingOutsideItsArea) {
  Picture canvas = white(60, 40);
  const PictureArea area = {10, 10, 30, 20};
  LabelText(30).draw(canvas, {"WWWW", "WWWW"}, area, TextAlignment::kCenter);
  for (int y = 0; y < canvas.height; ++y) {
    for (int x = 0; x < canvas.width; ++x) {
      const bool is_inside = x >= area.left && x < area.right && y >= area.top && y < area.bottom;
      if (!is_inside) {
        ASSERT_EQ(at(canvas, x, y), 255) << x << ", " << y;
      }
    }
  }
  EXPECT_NE(canvas, white(60, 40));
}

}  // namespace
}  // namespace sd
