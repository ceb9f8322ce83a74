#include "io/read_picture.h"

#include <algorithm>
#include <array>
#include <random>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "io/exif.h"
#include "pictures_support.h"
#include "tests/support/standard_input.h"

namespace sd {
namespace {

/// PNG and JPEG files by name.
const nlohmann::json& cases() {
  static const nlohmann::json all = golden("read");
  return all;
}

Bytes case_file(const std::string& name) { return file_of(cases(), name); }

void append_big_endian(Bytes& bytes, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<std::uint8_t>(value >> shift));
  }
}

Bytes chunk(const std::string& type, const Bytes& data) {
  Bytes bytes;
  bytes.reserve(data.size() + 12);
  append_big_endian(bytes, static_cast<std::uint32_t>(data.size()));
  bytes.insert(bytes.end(), type.begin(), type.end());
  bytes.insert(bytes.end(), data.begin(), data.end());
  append_big_endian(
      bytes, static_cast<std::uint32_t>(crc32(0, &bytes[4], static_cast<uInt>(bytes.size() - 4))));
  return bytes;
}

/// A PNG file of 8-bit RGB whose picture data are `raw`, compressed.
Bytes rgb_png(std::uint32_t width, std::uint32_t height, const Bytes& raw) {
  Bytes header;
  append_big_endian(header, width);
  append_big_endian(header, height);
  header.insert(header.end(), {8, 2, 0, 0, 0});
  uLongf length = compressBound(raw.size());
  Bytes packed(length);
  compress(packed.data(), &length, raw.data(), raw.size());
  packed.resize(length);
  Bytes file = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  for (const Bytes& part : {chunk("IHDR", header), chunk("IDAT", packed), chunk("IEND", {})}) {
    file.insert(file.end(), part.begin(), part.end());
  }
  return file;
}

/// Makes every checksum right, so that damage is met behind it.
void repair_checksums(Bytes& png) {
  for (std::size_t at = 8; at + 12 <= png.size();) {
    const std::size_t length =
        std::size_t{png[at]} << 24 | png[at + 1] << 16 | png[at + 2] << 8 | png[at + 3];
    if (length > png.size() - at - 12) return;
    Bytes sum;
    append_big_endian(
        sum, static_cast<std::uint32_t>(crc32(0, &png[at + 4], static_cast<uInt>(length + 4))));
    std::copy(sum.begin(), sum.end(), png.begin() + at + 8 + length);
    at += 12 + length;
  }
}

// A shell writes /dev/fd/63 for <(command).
TEST(ReadPicture, ReadsWhatIsOpenAlready) {
  const auto& test = cases().front();
  const Bytes file = from_hex(test["file"]);
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  ASSERT_EQ(::write(ends[1], file.data(), file.size()), std::ssize(file));
  ::close(ends[1]);
  const std::string name = "/dev/fd/" + std::to_string(ends[0]);
  EXPECT_EQ(read_picture(name).width, test["width"]);
  expect_error([&] { read_picture(name); }, ErrorKind::kInput, "'" + name + "' is empty");
  expect_error([&] { read_input_file(name, [] { return true; }); }, ErrorKind::kInterrupted,
               "stopped");
  ::close(ends[0]);
}

TEST(ReadPicture, EqualsPillow) {
  ASSERT_GT(cases().size(), 72u);
  for (const auto& test : cases()) {
    expect_pillows_pixels(test);
  }
}

TEST(ReadPicture, TellsFormatsByContent) {
  const TemporaryFolder folder;
  write_bytes(folder / "really_a_jpeg.png", case_file("gray.jpg"));
  EXPECT_EQ(read_picture(folder / "really_a_jpeg.png").width, 37);
}

TEST(ReadPicture, NamesWhatIsNoPictureFile) {
  const TemporaryFolder folder;
  const auto expect = [&](const std::string& name, const std::string& part) {
    expect_error([&] { read_picture(folder / name); }, ErrorKind::kInput, part);
    expect_error([&] { read_picture(folder / name); }, ErrorKind::kInput, name);
  };
  expect("missing.png", "no such file");
  expect_error([&] { read_picture(folder.path()); }, ErrorKind::kInput, "it is a folder");
  ASSERT_EQ(::mkfifo((folder / "fifo").c_str(), 0600), 0);
  expect("fifo", "pipe or device");
  expect_error([] { read_picture("/dev/zero"); }, ErrorKind::kInput, "pipe or device");
  std::filesystem::create_symlink("nowhere", folder / "dangling.png");
  expect("dangling.png", "no such file");
  write_bytes(folder / "empty.png", {});
  expect("empty.png", "is empty");
  write_bytes(folder / "huge.png", {});
  std::filesystem::resize_file(folder / "huge.png", std::uintmax_t{1} << 40);
  expect("huge.png", "1099511627776 bytes");
}

TEST(ReadPicture, NamesOtherFormats) {
  const auto box = [](const std::string& brand) { return std::string("\0\0\0\x18", 4) + brand; };
  const std::vector<std::pair<std::string, std::string>> kinds = {
      {std::string("II*\0\1\0\0\0", 8), "a TIFF picture"},
      {std::string("MM\0*\0\0\0\1", 8), "a TIFF picture"},
      {std::string("II+\0\x08\0\0\0", 8), "a BigTIFF picture"},
      {box("ftypheic"), "a HEIC picture"},
      {box("ftypavif"), "an AVIF picture"},
      {box("ftypisom"), "a video"},
      {box("ftypqt  "), "a video"},
      {"\x1a\x45\xdf\xa3\x42\x86", "a video"},
      {"RIFF1234AVI LIST", "a video"},
      {std::string("\0\0\1\xba", 4), "a video"},
      {std::string("\0\0\1\0\1\0", 6), "an icon"},
      {std::string("\0\0\0\x0cJXL \r\n\x87\n", 12), "a JPEG XL picture"},
      {std::string("\0\0\0\x0cjP  \r\n\x87\n", 12), "a JPEG 2000 picture"},
      {"P6\n1 1\n255\n123", "a PNM picture"},
      {"8BPS", "a Photoshop file"},
      {"%PDF-1.7", "a PDF file"},
      {"<svg xmlns=''/>", "an SVG picture"},
      {"<?xml version='1.0'?><!-- drawn --><svg/>", "an SVG picture"},
      {"<!DOCTYPE svg PUBLIC ''><svg/>", "an SVG picture"},
      {"<?xml version='1.0'?><feed/>", "an XML file"},
      {std::string("\x40\0\0\0\0\0\0\0{\"x\":{}}", 16), "a safetensors file"},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "a git-LFS pointer"},
      {"<!DOCTYPE html><html></html>", "a web page"},
      {"<html>404</html>", "a web page"},
      {"RIFF1234WAVEfmt ", "a file of an unknown kind"},
      {"RIFF1234WEB", "a file of an unknown kind"},
      {"plain words", "a file of an unknown kind"},
      {"\x89PNG", "a file of an unknown kind"},
      {"\xff\xd8", "a file of an unknown kind"},
  };
  for (const auto& [bytes, kind] : kinds) {
    const std::string said =
        error_of([&] { read_picture_bytes(to_bytes(bytes), "x.png"); }, ErrorKind::kInput);
    EXPECT_THAT(said, ::testing::StartsWith("'x.png' is " + kind));
    EXPECT_THAT(said, ::testing::EndsWith(", only PNG, JPEG, BMP, WebP and GIF pictures are read"));
  }
}

TEST(ReadPicture, TakesAllOfStandardInput) {
  const auto never = [] { return false; };
  {
    const auto input = StandardInput::pipe({"a\0b", 3});
    EXPECT_EQ(read_standard_input(never), Bytes({'a', 0, 'b'}));
  }
  {
    const auto input = StandardInput::pipe("");
    EXPECT_EQ(read_standard_input(never), Bytes());
  }
  const TemporaryFolder folder;
  const Bytes large = noise_bytes(1, 1000003);
  write_bytes(folder / "large", large);
  const auto input = StandardInput::file(folder / "large");
  EXPECT_EQ(read_standard_input(never), large);
}

TEST(ReadPicture, LimitsStandardInput) {
  const auto never = [] { return false; };
  const auto endless = StandardInput::file("/dev/zero");
  expect_error([&] { read_standard_input(never, 100000); }, ErrorKind::kInput,
               "standard input: it has more than 100000 bytes");
  const auto just_enough = StandardInput::pipe("12345");
  EXPECT_EQ(read_standard_input(never, 5).size(), 5u);
  const TemporaryFolder folder;
  const auto opened = StandardInput::file(folder.path());
  expect_error([&] { read_standard_input(never); }, ErrorKind::kInput,
               "cannot read standard input: Is a directory");
}

TEST(ReadPicture, StopsWaitingForStandardInput) {
  const auto input = StandardInput::pipe("begun", true);
  int asked = 0;
  expect_error([&] { read_standard_input([&] { return ++asked == 3; }); }, ErrorKind::kInterrupted,
               "stopped");
}

TEST(ReadPicture, RefusesAbsurdSizesBeforeDecoding) {
  const auto expect = [](std::uint32_t width, std::uint32_t height, const std::string& part) {
    const Bytes file = rgb_png(width, height, Bytes(100));
    expect_error([&] { read_picture_bytes(file, "x"); }, ErrorKind::kInput, part);
  };
  expect(0, 5, "0 x 5");
  expect(5, 0, "5 x 0");
  expect(20001, 1, "20001 x 1");
  expect(65535, 65535, "65535 x 65535");
  expect(0xffffffff, 0xffffffff, "4294967295");
  expect(16385, 16384, "16385 x 16384");
  expect(16384, 16384, "cut short");  // may be that large, but not in so few bytes

  Bytes jpeg = case_file("one_pixel.jpg");
  const Bytes marker = {0xff, 0xc0};
  const auto frame = std::search(jpeg.begin(), jpeg.end(), marker.begin(), marker.end());
  ASSERT_NE(frame, jpeg.end());
  for (const int side : {5, 7}) {  // height, width
    frame[side] = 0x50;
    frame[side + 1] = 0;
  }
  expect_error([&] { read_picture_bytes(jpeg, "x"); }, ErrorKind::kInput, "20480 x 20480");
}

TEST(ReadPicture, RefusesEveryTruncation) {
  for (const std::string name : {"filtered.png", "type3_depth8_interlaced.png", "noise.jpg",
                                 "noise_progressive.jpg", "cmyk.jpg", "orientation6.jpg"}) {
    const Bytes file = case_file(name);
    for (std::size_t length = 0; length < file.size(); ++length) {
      const std::span<const std::uint8_t> part(file.data(), length);
      EXPECT_THROW(read_picture_bytes(part, name), Error) << name << " " << length;
    }
  }
}

TEST(ReadPicture, RefusesTooFewPixels) {
  const Bytes file = rgb_png(10, 10, Bytes(31 * 9));
  expect_error([&] { read_picture_bytes(file, "x"); }, ErrorKind::kInput, "cannot be decoded");
}

TEST(ReadPicture, RefusesDecompressionBomb) {
  const Bytes file = rgb_png(1, 1, Bytes(std::size_t{16} << 20));
  ASSERT_LT(file.size(), 20000u);
  expect_error([&] { read_picture_bytes(file, "x"); }, ErrorKind::kInput, "cannot be decoded");
}

TEST(ReadPicture, RefusesDamagedPng) {
  Bytes file = case_file("filtered.png");
  file[file.size() / 2] ^= 1;
  expect_error([&] { read_picture_bytes(file, "x"); }, ErrorKind::kInput, "checksum");

  const Bytes whole = rgb_png(1, 1, Bytes(4));
  Bytes no_data(whole.begin(), whole.begin() + 33);
  const Bytes end = chunk("IEND", {});
  no_data.insert(no_data.end(), end.begin(), end.end());
  expect_error([&] { read_picture_bytes(no_data, "x"); }, ErrorKind::kInput, "no picture data");

  Bytes bad_header(whole);
  bad_header[25] = 5;  // colour type
  repair_checksums(bad_header);
  expect_error([&] { read_picture_bytes(bad_header, "x"); }, ErrorKind::kInput,
               "cannot be decoded");

  Bytes no_palette(whole);
  no_palette[25] = 3;
  repair_checksums(no_palette);
  expect_error([&] { read_picture_bytes(no_palette, "x"); }, ErrorKind::kInput, "palette");
}

TEST(ReadPicture, SurvivesRandomDamage) {
  std::mt19937 random(7);
  int refused = 0;
  nlohmann::json seeds = cases();
  for (const auto& test : golden("read_bmp_gif_webp")) seeds.push_back(test);
  for (const auto& test : seeds) {
    const Bytes file = from_hex(test["file"]);
    if (file.size() > 3000) continue;
    for (int i = 0; i < 40; ++i) {
      Bytes damaged = file;
      for (unsigned k = 0; k < 1 + random() % 4; ++k) {
        damaged[random() % damaged.size()] = static_cast<std::uint8_t>(random());
      }
      if (i % 2) repair_checksums(damaged);
      try {
        const Picture picture = read_picture_bytes(damaged, test["name"]);
        EXPECT_EQ(picture.rgb.size(), std::size_t{3} * picture.width * picture.height);
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kInput);
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 500);
}

TEST(Exif, TakesOffTwoPrefixes) {
  Bytes block = {'I', 'I', '*', 0, 8, 0, 0, 0, 1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0};
  const Bytes prefix = {'E', 'x', 'i', 'f', 0, 0};
  for (const int expected : {6, 6, 6, 0}) {
    EXPECT_EQ(exif_orientation(block), expected) << block.size();
    block.insert(block.begin(), prefix.begin(), prefix.end());
  }
}

TEST(Exif, IgnoresDamagedBlocks) {
  const Bytes good = {'I', 'I', '*', 0, 8, 0, 0, 0, 1, 0, 0x12, 0x01, 3,
                      0,   1,   0,   0, 0, 6, 0, 0, 0, 0, 0,    0,    0};
  EXPECT_EQ(exif_orientation(good), 6);
  for (std::size_t length = 0; length < 22; ++length) {
    EXPECT_EQ(exif_orientation(std::span(good).first(length)), 0) << length;
  }
  Bytes circular = good;
  std::fill_n(circular.end() - 4, 4, 8);
  EXPECT_EQ(exif_orientation(circular), 6);
  Bytes outside = good;
  outside[7] = 0xff;  // offset of the directory
  EXPECT_EQ(exif_orientation(outside), 0);
  Bytes lying = good;
  lying[8] = lying[9] = 0xff;  // number of entries
  lying[10] = 0x13;            // not the tag sought
  EXPECT_EQ(exif_orientation(lying), 0);
  Bytes many = good;
  many[14] = 2;  // count of values
  EXPECT_EQ(exif_orientation(many), 1);
}

}  // namespace
}  // namespace sd
