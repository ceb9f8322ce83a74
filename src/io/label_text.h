#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "io/picture.h"

namespace sd {

/// A part of a picture, in pixels; right and bottom are the first that no more belong to it.
struct PictureArea {
  int left;
  int top;
  int right;
  int bottom;
};

enum class TextAlignment { kLeft, kCenter, kRight };

/// Labels of one size in DejaVu Sans, which has Latin, Greek, Cyrillic and more: black, smoothed.
/// What the font lacks is drawn as its box for that. Text is UTF-8.
class LabelText {
 public:
  /// `size` is the height of the em square in pixels.
  explicit LabelText(int size);

  int line_height() const { return line_height_; }

  /// Of a line, in pixels.
  double width(std::string_view line) const;

  /// The text in lines no wider than `width` pixels: broken at spaces, where a word is too wide
  /// after _ - / or , and else anywhere. Beyond `most_lines` it is cut, and ends in an ellipsis.
  /// White space and control characters are one space; nothing but these is no line.
  std::vector<std::string> wrap(std::string_view text, int width, size_t most_lines) const;

  /// Draws lines of wrap below one another from the top of the area on. No pixel outside changes.
  void draw(Picture& canvas, const std::vector<std::string>& lines, const PictureArea& area,
            TextAlignment alignment) const;

 private:
  void draw_line(Picture& canvas, std::string_view line, double left, int baseline,
                 const PictureArea& area) const;
  size_t fitting_length(std::string_view text, double width) const;
  std::string cut(std::string_view text, double width) const;

  float scale_;  ///< pixels for a unit of the font
  int line_height_;
  int baseline_;  ///< below the top of a line
};

}  // namespace sd
