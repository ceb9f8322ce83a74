#include "io/label_text.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "io/label_font.h"
#include "io/utf8.h"

#define STBTT_STATIC
#define STB_TRUETYPE_IMPLEMENTATION
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb/stb_truetype.h>
#pragma GCC diagnostic pop

namespace sd {
namespace {

constexpr std::string_view kEllipsis = "\u2026";
constexpr double kLineSpacing = 1.2;  // heights of the em square

const stbtt_fontinfo& font() {
  static const stbtt_fontinfo kFont = [] {
    stbtt_fontinfo made;
    const unsigned char* file = label_font().data();
    [[maybe_unused]] const int is_read = stbtt_InitFont(&made, file, 0);
    assert(is_read);
    return made;
  }();
  return kFont;
}

/// The glyphs of a line, each with the place of its origin in units of the font.
struct PlacedGlyph {
  int glyph;
  int origin;
};

/// Goes through the glyphs of a line.
class GlyphLine {
 public:
  /// The next glyph of the text; it is removed from it.
  PlacedGlyph take(std::string_view& text) {
    const CodePoint next = code_point(text);
    text.remove_prefix(next.length);
    const int glyph = stbtt_FindGlyphIndex(&font(), static_cast<int>(next.value));
    if (last_ >= 0) end_ += stbtt_GetGlyphKernAdvance(&font(), last_, glyph);
    const PlacedGlyph placed = {glyph, end_};
    int advance = 0;
    int bearing = 0;
    stbtt_GetGlyphHMetrics(&font(), glyph, &advance, &bearing);
    end_ += advance;
    last_ = glyph;
    return placed;
  }

  /// Where the line ends, in units of the font.
  int end() const { return end_; }

 private:
  int last_ = -1;
  int end_ = 0;
};

bool is_space(char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f; }

/// Every run of white space and control characters as one space, none at the ends.
std::string in_one_line(std::string_view text) {
  std::string line;
  for (const char c : clean_utf8(text)) {
    if (!is_space(c)) {
      line += c;
    } else if (!line.empty() && line.back() != ' ') {
      line += ' ';
    }
  }
  if (line.ends_with(' ')) line.pop_back();
  return line;
}

}  // namespace

LabelText::LabelText(int size)
    : scale_(stbtt_ScaleForMappingEmToPixels(&font(), static_cast<float>(size))),
      line_height_(static_cast<int>(std::ceil(size * kLineSpacing))) {
  int ascent = 0;
  int descent = 0;
  int gap = 0;
  stbtt_GetFontVMetrics(&font(), &ascent, &descent, &gap);
  const double spare = line_height_ - scale_ * (ascent - descent);
  baseline_ = static_cast<int>(std::lround(spare / 2 + scale_ * ascent));
}

double LabelText::width(std::string_view line) const {
  GlyphLine glyphs;
  while (!line.empty()) glyphs.take(line);
  return double{scale_} * glyphs.end();
}

/// How many bytes of the text, at least one code point, are no wider than that.
size_t LabelText::fitting_length(std::string_view text, double width) const {
  GlyphLine glyphs;
  std::string_view rest = text;
  glyphs.take(rest);
  while (!rest.empty()) {
    const size_t before = text.size() - rest.size();
    glyphs.take(rest);
    if (scale_ * glyphs.end() > width) return before;
  }
  return text.size();
}

std::string LabelText::cut(std::string_view text, double width) const {
  const double room = std::max(width - this->width(kEllipsis), 0.0);
  const std::string_view fitting = text.substr(0, fitting_length(text, room));
  return std::string(fitting.substr(0, fitting.find_last_not_of(" ,") + 1)).append(kEllipsis);
}

std::vector<std::string> LabelText::wrap(std::string_view text, int width,
                                         size_t most_lines) const {
  const std::string line = in_one_line(text);
  std::string_view rest = line;
  std::vector<std::string> lines;
  while (!rest.empty()) {
    const size_t fitting = fitting_length(rest, width);
    if (fitting == rest.size()) {
      lines.emplace_back(rest);
      break;
    }
    if (lines.size() + 1 == most_lines) {
      lines.push_back(cut(rest, width));
      break;
    }
    const size_t space = rest.rfind(' ', fitting);
    const size_t inside = rest.substr(0, fitting).find_last_of("_-/,");
    const size_t end = space != rest.npos ? space : inside != rest.npos ? inside + 1 : fitting;
    lines.emplace_back(rest.substr(0, end));
    rest.remove_prefix(end + (space != rest.npos ? 1 : 0));
  }
  return lines;
}

void LabelText::draw(Picture& canvas, const std::vector<std::string>& lines,
                     const PictureArea& area, TextAlignment alignment) const {
  int top = area.top;
  for (const std::string& line : lines) {
    const double spare = area.right - area.left - width(line);
    const double share = alignment == TextAlignment::kLeft     ? 0
                         : alignment == TextAlignment::kCenter ? 0.5
                                                               : 1;
    draw_line(canvas, line, area.left + spare * share, top + baseline_, area);
    top += line_height_;
  }
}

void LabelText::draw_line(Picture& canvas, std::string_view line, double left, int baseline,
                          const PictureArea& area) const {
  GlyphLine glyphs;
  while (!line.empty()) {
    const PlacedGlyph placed = glyphs.take(line);
    const double origin = left + scale_ * placed.origin;
    const double whole = std::floor(origin);
    int width = 0;
    int height = 0;
    int x_offset = 0;
    int y_offset = 0;
    unsigned char* coverage =
        stbtt_GetGlyphBitmapSubpixel(&font(), scale_, scale_, static_cast<float>(origin - whole), 0,
                                     placed.glyph, &width, &height, &x_offset, &y_offset);
    const int glyph_left = static_cast<int>(whole) + x_offset;
    const int glyph_top = baseline + y_offset;
    for (int y = std::max(area.top - glyph_top, 0); y < std::min(height, area.bottom - glyph_top);
         ++y) {
      for (int x = std::max(area.left - glyph_left, 0);
           x < std::min(width, area.right - glyph_left); ++x) {
        const int64_t pixel = int64_t{glyph_top + y} * canvas.width + glyph_left + x;
        const int light = 255 - coverage[y * width + x];
        for (int64_t channel = 0; channel < 3; ++channel) {
          uint8_t& value = canvas.rgb[static_cast<size_t>(pixel * 3 + channel)];
          value = static_cast<uint8_t>((value * light + 127) / 255);
        }
      }
    }
    stbtt_FreeBitmap(coverage, nullptr);
  }
}

}  // namespace sd
