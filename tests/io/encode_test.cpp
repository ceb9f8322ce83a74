// Pictures and their parameters as files of every format, and back.

#include <algorithm>
#include <array>
#include <cmath>
#include <random>

#include "io/encoders.h"
#include "io/exif_comment.h"
#include "io/infotext.h"
#include "io/picture_format.h"
#include "io/picture_metadata.h"
#include "io/read_picture.h"
#include "io/utf8.h"
#include "pictures_support.h"

namespace sd {
namespace {

using namespace std::string_literals;
using testing::HasSubstr;

constexpr std::array kFormats = {PictureFormat::kPng, PictureFormat::kJpeg, PictureFormat::kWebp};
const std::string kLine = "Steps: 20, Sampler: Euler a, Seed: 7, Size: 512x768";

/// Waves of three colours, as a photo has them.
Picture smooth_picture(int width, int height) {
  Picture picture{width, height, {}};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c) {
        const double wave = std::sin(x / 9.0 + c) * std::cos(y / 11.0 - c);
        picture.rgb.push_back(static_cast<std::uint8_t>(128 + 100 * wave));
      }
    }
  }
  return picture;
}

/// Columns, red and green by turns: equal in brightness, far apart in colour.
Picture striped_picture(int column_width) {
  Picture picture{32, 32, {}};
  for (int i = 0; i < 32 * 32; ++i) {
    const bool is_red = i / column_width % 2 == 0;
    for (const int value : {is_red ? 255 : 0, is_red ? 0 : 130, 0}) {
      picture.rgb.push_back(static_cast<std::uint8_t>(value));
    }
  }
  return picture;
}

int largest_difference(const Picture& a, const Picture& b) {
  EXPECT_EQ(a.width, b.width);
  EXPECT_EQ(a.height, b.height);
  int largest = 0;
  for (std::size_t i = 0; i < std::min(a.rgb.size(), b.rgb.size()); ++i) {
    largest = std::max(largest, std::abs(a.rgb[i] - b.rgb[i]));
  }
  return largest;
}

Picture through(const Picture& picture, Encoding encoding) {
  return read_picture_bytes(encode_picture(picture, kLine, encoding).bytes, "x");
}

/// The parameters that a file carries.
std::string parameters_of(const Bytes& file) {
  const PictureMetadata picture = read_picture_metadata(file, "x");
  if (picture.format != PictureFormat::kPng) return picture.exif.comment.value_or("none");
  const auto at = picture.texts.find("parameters");
  return at == picture.texts.end() ? "none" : at->second;
}

TEST(FormatOfName, IsThatOfTheExtensionInAnyCase) {
  EXPECT_EQ(format_of_name("a.png"), PictureFormat::kPng);
  EXPECT_EQ(format_of_name("a/b.c.JPG"), PictureFormat::kJpeg);
  EXPECT_EQ(format_of_name("{seed}.jpeg"), PictureFormat::kJpeg);
  EXPECT_EQ(format_of_name("a.WebP"), PictureFormat::kWebp);
  for (const char* name : {"a", "png", ".png", "a.gif", "a.png.", "a.png/", "a.pn", ""}) {
    EXPECT_EQ(format_of_name(name), std::nullopt) << name;
  }
}

TEST(EncodePicture, WritesTheFormatThatIsAskedFor) {
  for (const PictureFormat format : kFormats) {
    const auto file = encode_picture(smooth_picture(33, 21), kLine, {format});
    const PictureMetadata read = read_picture_metadata(file.bytes, "x");
    EXPECT_EQ(read.format, format);
    EXPECT_EQ(read.width, 33);
    EXPECT_EQ(read.height, 21);
    EXPECT_EQ(file.warning, "");
  }
}

TEST(EncodePicture, GivesEqualBytesForEqualInput) {
  for (const PictureFormat format : kFormats) {
    EXPECT_EQ(encode_picture(smooth_picture(40, 30), kLine, {format}).bytes,
              encode_picture(smooth_picture(40, 30), kLine, {format}).bytes);
  }
}

TEST(EncodePicture, KeepsPixelsWithoutLossInPngAndWebpAt100) {
  for (const auto& [width, height] : {std::pair{1, 1}, {7, 5}, {5, 300}, {333, 2}, {64, 64}}) {
    const Picture picture = {width, height, noise_bytes(5, std::size_t{3} * width * height)};
    EXPECT_EQ(through(picture, {PictureFormat::kPng}), picture);
    EXPECT_EQ(through(picture, {PictureFormat::kWebp, 100}), picture);
  }
}

TEST(EncodePicture, KeepsPixelsNearlyInJpegAndWebp) {
  const Picture picture = smooth_picture(97, 61);
  EXPECT_LE(largest_difference(through(picture, {PictureFormat::kJpeg}), picture), 6);
  EXPECT_LE(largest_difference(through(picture, {PictureFormat::kWebp}), picture), 12);
}

TEST(EncodePicture, KeepsTheColourOfThinLinesInJpeg) {
  const Picture picture = striped_picture(1);
  const Picture read = through(picture, {PictureFormat::kJpeg});
  EXPECT_LE(largest_difference(read, picture), 5) << "with colours of half the resolution: 128";
}

TEST(EncodePicture, HalvesColoursInWebpWithAnEyeOnWhatIsSeen) {
  const Picture picture = striped_picture(2);
  const Picture read = through(picture, {PictureFormat::kWebp});
  double sum = 0;
  for (std::size_t i = 0; i < read.rgb.size(); ++i) sum += std::abs(read.rgb[i] - picture.rgb[i]);
  EXPECT_LT(sum / static_cast<double>(read.rgb.size()), 27) << "30 where neighbours are averaged";
}

TEST(EncodePicture, TakesTheQuality) {
  const Picture picture = smooth_picture(128, 128);
  for (const PictureFormat format : {PictureFormat::kJpeg, PictureFormat::kWebp}) {
    std::size_t last = 0;
    for (const int quality : {1, 40, 80, 95, 99}) {
      const auto size = encode_picture(picture, kLine, {format, quality}).bytes.size();
      EXPECT_GT(size, last) << quality;
      last = size;
    }
    EXPECT_EQ(encode_picture(picture, kLine, {format}).bytes,
              encode_picture(picture, kLine, {format, 95}).bytes);
  }
}

TEST(EncodePicture, CarriesOneTextInAllFormats) {
  const std::vector<std::string> texts = {
      kLine,
      "a \"cat\",\non a mat: {x}\nNegative prompt: 雪 😀 é\n" + kLine,
      "bad \xff bytes, half \xf0\x9f\x98, nul \0, \xed\xa0\x80 end\n"s + kLine,
      "",
  };
  for (const std::string& text : texts) {
    const std::string png = parameters_of(encode_picture(smooth_picture(3, 2), text).bytes);
    EXPECT_GE(png.size(), text.size()) << text;
    for (const PictureFormat format : {PictureFormat::kJpeg, PictureFormat::kWebp}) {
      EXPECT_EQ(parameters_of(encode_picture(smooth_picture(3, 2), text, {format}).bytes), png);
    }
  }
}

/// Any text, with what the grammar makes much of more often than chance does.
std::string random_text(std::mt19937& random, unsigned longest) {
  constexpr std::array kPieces = {"Negative prompt: ",
                                  "Steps: 1, a b: 2, c d: 3",
                                  "\n",
                                  "\"",
                                  "\\",
                                  ",",
                                  ":",
                                  "{",
                                  "}",
                                  "[",
                                  "(x:1.2)",
                                  " ",
                                  "\t",
                                  "\r\n",
                                  "word",
                                  "<lora:x:1>"};
  std::string text;
  for (unsigned left = random() % (longest + 1); left > 0; --left) {
    if (random() % 2) {
      text += kPieces[random() % kPieces.size()];
      continue;
    }
    constexpr std::array<std::uint32_t, 5> kEnds = {0x80, 0x250, 0x3100, 0x10000, 0x110000};
    std::uint32_t value = random() % kEnds[random() % kEnds.size()];
    if (value >= 0xd800 && value < 0xe000) value = 0x96ea;
    append_utf8(text, value);
  }
  return text;
}

TEST(EncodePicture, GivesBackRandomParametersInAllFormats) {
  std::mt19937 random(2024);
  const Picture picture = smooth_picture(1, 1);
  for (int i = 0; i < 2000; ++i) {
    const Infotext infotext{random_text(random, 30),
                            random() % 2 ? random_text(random, 20) : "",
                            {{"Steps", "20"}, {"Seed", "1"}, {"Model", random_text(random, 8)}}};
    const std::string printed = print_infotext(infotext);
    ASSERT_EQ(parse_infotext(printed), infotext) << printed;
    const Encoding encoding = {kFormats[static_cast<std::size_t>(i) % kFormats.size()]};
    const Bytes file = encode_picture(picture, printed, encoding).bytes;
    ASSERT_EQ(parse_infotext(parameters_of(file)), infotext) << printed;
  }
}

TEST(EncodePicture, LeavesPromptsOutOfJpegWhereTheyAreTooLong) {
  const Picture picture = smooth_picture(4, 4);
  const std::string fields = "\nNegative prompt: dog\n" + kLine;
  const std::size_t most = (kMaxJpegExif - exif_with_comment(fields).size()) / 2;
  const std::string fits = std::string(most, 'p') + fields;
  const auto whole = encode_picture(picture, fits, {PictureFormat::kJpeg});
  EXPECT_EQ(whole.warning, "");
  EXPECT_EQ(parameters_of(whole.bytes), fits);

  const auto shorter = encode_picture(picture, "p" + fits, {PictureFormat::kJpeg});
  EXPECT_THAT(
      shorter.warning,
      HasSubstr("a JPEG file holds at most 65527 bytes of parameters, those of this picture "
                "have 65528: it carries them without the prompts"));
  EXPECT_EQ(parameters_of(shorter.bytes), kLine + ", Left out: prompts");
  EXPECT_EQ(read_picture_bytes(shorter.bytes, "x"), read_picture_bytes(whole.bytes, "x"));

  // A prompt of a second text encoder may be what is too long.
  const std::string second = "cat\n" + kLine + ", Prompt 2: " + std::string(70000, 'p') +
                             ", Negative prompt 3: n, Prompt 4: stays";
  const auto without_second = encode_picture(picture, second, {PictureFormat::kJpeg});
  EXPECT_THAT(without_second.warning, HasSubstr("it carries them without the prompts"));
  EXPECT_EQ(parameters_of(without_second.bytes), kLine + ", Prompt 4: stays, Left out: prompts");

  const std::string model = "cat\n" + kLine + ", Model: " + std::string(70000, 'm');
  const auto bare = encode_picture(picture, model, {PictureFormat::kJpeg});
  EXPECT_THAT(bare.warning, HasSubstr("it carries none"));
  EXPECT_EQ(parameters_of(bare.bytes), "none");
  EXPECT_EQ(encode_picture(picture, std::string(70000, 'x'), {PictureFormat::kJpeg}).bytes,
            bare.bytes)
      << "a text that is no infotext";
}

TEST(EncodePicture, TakesAnyLengthInPngAndWebp) {
  const std::string text = std::string(300'000, 'p') + "\n" + kLine;
  for (const PictureFormat format : {PictureFormat::kPng, PictureFormat::kWebp}) {
    const auto file = encode_picture(smooth_picture(4, 4), text, {format});
    EXPECT_EQ(file.warning, "");
    EXPECT_EQ(parameters_of(file.bytes), text);
  }
}

TEST(EncodePicture, RefusesWhatTheFormatCannotHold) {
  const auto expect = [](const Picture& picture, PictureFormat format, const std::string& part) {
    expect_error([&] { encode_picture(picture, kLine, {format}); }, ErrorKind::kOutput, part);
  };
  for (const PictureFormat format : kFormats) {
    expect({}, format, "a picture of 0 x 0 pixels and 0 bytes cannot be written");
    expect({2, 2, Bytes(11)}, format, "11 bytes");
  }
  const auto row = [](int width) { return Picture{width, 1, Bytes(std::size_t{3} * width)}; };
  expect(row(16384), PictureFormat::kWebp, "a WebP file holds sides of at most 16383 pixels");
  expect(row(65501), PictureFormat::kJpeg, "65500");
  EXPECT_EQ(through(row(16383), {PictureFormat::kWebp}).width, max_side(PictureFormat::kWebp));
  EXPECT_EQ(read_picture_metadata(encode_picture(row(65500), "", {PictureFormat::kJpeg}).bytes, "x")
                .width,
            max_side(PictureFormat::kJpeg));
}

}  // namespace
}  // namespace sd
