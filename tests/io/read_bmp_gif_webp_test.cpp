#include <algorithm>

#include "io/frame_count.h"
#include "io/read_picture.h"
#include "pictures_support.h"

namespace sd {
namespace {

const nlohmann::json& cases() {
  static const nlohmann::json all = golden("read_bmp_gif_webp");
  return all;
}

Bytes case_file(const std::string& name) { return file_of(cases(), name); }

/// The file with other bytes at `at`.
Bytes changed(const std::string& name, std::size_t at, const Bytes& bytes) {
  Bytes file = case_file(name);
  std::ranges::copy(bytes, file.begin() + static_cast<std::ptrdiff_t>(at));
  return file;
}

void expect_refused(const Bytes& file, const std::string& part) {
  expect_error([&] { read_picture_bytes(file, "x"); }, ErrorKind::kInput, part);
}

TEST(ReadBmpGifWebp, EqualsPillow) {
  ASSERT_GT(cases().size(), 80u);
  for (const auto& test : cases()) {
    expect_pillows_pixels(test);
  }
}

TEST(ReadBmpGifWebp, CountsTheFramesThatPillowCounts) {
  size_t animations = 0;
  for (const auto& test : cases()) {
    if (!test.contains("frames")) continue;
    const Bytes file = from_hex(test["file"]);
    EXPECT_EQ(count_frames(file), test["frames"].get<size_t>()) << test["name"];
    animations += test["frames"] > 1;
    for (size_t length = 0; length < file.size(); ++length) {
      EXPECT_LE(count_frames(std::span(file).first(length)), test["frames"].get<size_t>());
    }
  }
  EXPECT_GE(animations, 3);
  EXPECT_EQ(count_frames({}), 1);
}

TEST(ReadBmpGifWebp, NeedsAsManyBytesOfAFileAsPillow) {
  for (const auto& test : cases()) {
    if (!test.contains("shortest")) continue;
    const Bytes file = from_hex(test["file"]);
    const Bytes rgb = from_hex(test["rgb"]);
    for (std::size_t length = 0; length < file.size(); ++length) {
      const std::span<const std::uint8_t> part(file.data(), length);
      SCOPED_TRACE(test["name"]);
      if (length < test["shortest"]) {
        EXPECT_THROW(read_picture_bytes(part, "x"), Error) << length;
      } else {
        EXPECT_EQ(read_picture_bytes(part, "x").rgb, rgb) << length;
      }
    }
  }
}

TEST(ReadBmpGifWebp, SaysThatAFileIsCutShort) {
  for (const std::string name : {"rgb24.bmp", "rle8.bmp", "local.gif", "lossy.webp", "part.webp"}) {
    Bytes file = case_file(name);
    file.resize(file.size() * 2 / 3);
    expect_refused(file, "' is cut short: ");
  }
}

TEST(ReadBmpGifWebp, RefusesAbsurdSizesBeforeDecoding) {
  expect_refused(changed("rgb24.bmp", 18, {0x21, 0x4e, 0, 0}), "20001 x 5 pixels");
  expect_refused(changed("rgb24.bmp", 22, {0x21, 0x4e, 0, 0}), "7 x 20001 pixels");
  expect_refused(changed("rgb24.bmp", 18, {0xff, 0xff, 0xff, 0xff}), "4294967295 x 5");
  expect_refused(changed("rgb24.bmp", 22, {0, 0, 0, 0xff}), "7 x 16777216");  // from the top down
  expect_refused(changed("rgb24.bmp", 18, {0, 0, 0, 0}), "0 x 5");
  expect_refused(changed("rgb24.bmp", 18, {0x20, 0x4e, 0, 0, 0x20, 0x4e}), "20000 x 20000");
  expect_refused(changed("os2_rgb.bmp", 18, {0xff, 0xff}), "65535 x 5");
  expect_refused(changed("rle8.bmp", 22, {0xff, 0xff, 0, 0}), "7 x 65535");

  expect_refused(changed("global.gif", 6, {0x21, 0x4e}), "20001 x 5");
  expect_refused(changed("part.gif", 26, {0xff, 0xff}), "65539 x 5");    // its left edge
  expect_refused(changed("global.gif", 30, {0xff, 0xff}), "65535 x 5");  // its width
  expect_refused(changed("global.gif", 32, {0, 0}), "7 x 0");            // its height
  expect_refused(changed("global.gif", 6, {0x20, 0x4e, 0x20, 0x4e}), "20000 x 20000");

  expect_refused(changed("part.webp", 24, {0x20, 0x4e, 0}), "20001 x 8");
  expect_refused(changed("part.webp", 27, {0xff, 0xff, 0xff}), "11 x 16777216");
  expect_refused(changed("part.webp", 24, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}),
                 "16777216 x 16777216");
}

TEST(ReadBmp, NamesWhatItDoesNotKnow) {
  expect_refused(changed("rgb24.bmp", 14, {41}), "header of 41 bytes, 12, 40, 52, 56, 64, 108");
  expect_refused(changed("rgb24.bmp", 28, {2}), "2 bits a pixel, 1, 4, 8, 16, 24 or 32");
  expect_refused(changed("rgb24.bmp", 30, {4}), "compression 4, 0 to 3 were expected");
  expect_refused(changed("rgb24.bmp", 30, {1}), "run-length encoded with 24 bits a pixel");
  expect_refused(changed("masks32_0.bmp", 54, {1}), "32 bits a pixel with colour masks");
  expect_refused(changed("palette4.bmp", 30, {3}), "4 bits a pixel with colour masks");
}

TEST(ReadBmp, NamesAPaletteThatIsTooLarge) {
  expect_refused(changed("palette8.bmp", 46, {1, 1}), "palette of 257 colours, at most 256");
  expect_refused(changed("palette8.bmp", 46, {1, 0, 1}), "palette of 65537 colours, at most 65536");
}

TEST(ReadBmp, RefusesRunsThatEndBeforeTheLastPixel) {
  const Bytes file = case_file("rle8.bmp");
  Bytes ended(file.begin(), file.end() - 6);  // the last run, the end of its row, the end of all
  ended.insert(ended.end(), {0, 1});
  expect_refused(ended, "its pixels end after 31 of 35");
}

TEST(ReadGif, RefusesDamage) {
  Bytes empty = case_file("global.gif");
  empty.resize(25);
  empty.push_back(';');
  expect_refused(empty, "holds no picture");
  // of 2 bits: 4 starts again, 5 ends, and 7 has no meaning yet
  expect_refused(changed("global.gif", 35, {13}), "start with 13 bits");
  expect_refused(changed("global.gif", 37, {0004 | 0007 << 3}), "code without a meaning");
  expect_refused(changed("global.gif", 37, {0004 | 0005 << 3}), "end after 0 of 35 pixels");
  expect_refused(changed("global.gif", 36, {1, 0004 | 0001 << 3, 0}), "before the last pixel");
}

TEST(ReadGif, KnowsTwoVersions) {
  Bytes file = case_file("global.gif");
  const Bytes rgb = read_picture_bytes(file, "x").rgb;
  file[4] = '7';
  EXPECT_EQ(read_picture_bytes(file, "x").rgb, rgb);
  file[4] = '8';
  expect_refused(file, "a file of an unknown kind");
}

TEST(ReadWebp, RefusesDamage) {
  expect_refused(changed("lossy.webp", 12, {'V', 'P', '9', ' '}), "do not fit together");
  expect_refused(changed("part.webp", 4, {20, 0, 0, 0}), "do not fit together");
  Bytes damaged = case_file("lossless.webp");
  std::fill(damaged.begin() + 26, damaged.end(), std::uint8_t{0xff});
  expect_refused(damaged, "cannot be decoded");
}

}  // namespace
}  // namespace sd
