#include "io/png.h"

#include <algorithm>
#include <zlib.h>

#include "io/png_chunks.h"
#include "io/read_picture.h"
#include "pictures_support.h"

namespace sd {
namespace {

Picture noise_picture(int width, int height) {
  return {width, height, noise_bytes(3, std::size_t{3} * width * height)};
}

std::map<std::string, std::string> texts_of(const Bytes& png) {
  return png_text(png_chunks(png, "x"), "x");
}

TEST(EncodePng, KeepsPixelsAtEverySizeAndEffort) {
  for (const auto& [width, height] : {std::pair{1, 1}, {7, 5}, {5, 300}, {333, 2}}) {
    const Picture picture = noise_picture(width, height);
    for (const PngEffort effort : {PngEffort::kFast, PngEffort::kSmall}) {
      EXPECT_EQ(read_picture_bytes(encode_png(picture, {}, effort), "x"), picture);
    }
  }
}

TEST(EncodePng, IsDeterministicWithoutTimeStamp) {
  const Picture picture = noise_picture(20, 10);
  const std::vector<PngText> texts = {{"parameters", "Steps: 1"}};
  const Bytes png = encode_png(picture, texts);
  EXPECT_EQ(encode_png(picture, texts), png);
  std::vector<std::string> types;
  for (const PngChunk& chunk : png_chunks(png, "x")) types.emplace_back(chunk.type);
  EXPECT_EQ(types, (std::vector<std::string>{"IHDR", "tEXt", "IDAT", "IEND"}));
}

TEST(EncodePng, WritesTextChunksAsPillow) {
  const nlohmann::json all = golden("png_text");
  for (const auto& test : all["chunks"]) {
    SCOPED_TRACE(test["value"].dump());
    const std::vector<PngText> texts = {{"parameters", test["value"]}};
    const Bytes png = encode_png(noise_picture(1, 1), texts);
    const PngChunk chunk = png_chunks(png, "x")[1];
    EXPECT_EQ(chunk.type, test["type"]);
    EXPECT_EQ(Bytes(chunk.data.begin(), chunk.data.end()), from_hex(test["data"]));
    EXPECT_EQ(texts_of(png).at("parameters"), test["value"]);
  }
}

TEST(EncodePng, KeepsAnyText) {
  const std::string value = "Ã© as Latin-1 would pass for é";
  const std::vector<PngText> texts = {{"a", value}, {"b", std::string(100000, 'x')}, {"c d", ""}};
  const auto read = texts_of(encode_png(noise_picture(2, 2), texts));
  EXPECT_EQ(read, (std::map<std::string, std::string>{
                      {"a", value}, {"b", std::string(100000, 'x')}, {"c d", ""}}));
}

TEST(EncodePng, ReplacesWhatPngCannotHold) {
  const std::vector<PngText> texts = {{"bad", std::string("a\377b\355\240\200c\0d\303", 10)}};
  EXPECT_EQ(texts_of(encode_png(noise_picture(1, 1), texts)).at("bad"),
            "a\uFFFDb\uFFFD\uFFFD\uFFFDc\uFFFDd\uFFFD");
}

TEST(EncodePng, RefusesBadKeywordsAndPictures) {
  const Picture picture = noise_picture(1, 1);
  for (const std::string& keyword : {std::string(), std::string(80, 'k'), std::string("a\tb"),
                                     std::string("é"), std::string("a\0b", 3)}) {
    const std::vector<PngText> texts = {{keyword, "text"}};
    expect_error([&] { encode_png(picture, texts); }, ErrorKind::kUsage, "keyword");
  }
  expect_error([] { encode_png({}); }, ErrorKind::kOutput, "0 x 0");
  expect_error([] { encode_png({2, 2, Bytes(11)}); }, ErrorKind::kOutput, "11 bytes");
  expect_error([] { encode_png({2000000, 1, Bytes(6000000)}); }, ErrorKind::kOutput, "PNG file");
}

TEST(ReadPngText, ReadsWhatPillowWrote) {
  const nlohmann::json test = golden("png_text")["file"];
  const TemporaryFolder folder;
  write_bytes(folder / "x.png", from_hex(test["file"]));
  const auto texts = read_png_text(folder / "x.png");
  EXPECT_EQ(texts, (test["texts"].get<std::map<std::string, std::string>>()));
  EXPECT_EQ(texts.size(), 6u);
}

/// A PNG file with such a chunk behind its header.
Bytes with_chunk(const std::string& type, const Bytes& data) {
  // the writer makes no such chunk: borrow a tEXt chunk's room and rename it
  const std::vector<PngText> room = {{"k", std::string(data.size(), 'x')}};
  Bytes file = encode_png(noise_picture(1, 1), room);
  const std::size_t type_at = 8 + 25 + 4;
  file[type_at - 1] = static_cast<std::uint8_t>(data.size());
  file[type_at - 2] = static_cast<std::uint8_t>(data.size() >> 8);
  file[type_at - 3] = static_cast<std::uint8_t>(data.size() >> 16);
  file.erase(file.begin() + type_at + 4, file.begin() + type_at + 6);
  std::copy(type.begin(), type.end(), file.begin() + type_at);
  std::copy(data.begin(), data.end(), file.begin() + type_at + 4);
  const auto sum = crc32(0, &file[type_at], static_cast<uInt>(data.size() + 4));
  for (std::size_t i = 0; i < 4; ++i) {
    file[type_at + 4 + data.size() + i] = static_cast<std::uint8_t>(sum >> (24 - 8 * i));
  }
  return file;
}

TEST(ReadPngText, ReadsUtf8InTextChunksAndLatin1) {
  EXPECT_EQ(texts_of(with_chunk("tEXt", to_bytes(std::string("key\0é雪", 9)))).at("key"), "é雪");
  EXPECT_EQ(texts_of(with_chunk("tEXt", to_bytes(std::string("key\0\xe9t\xe9", 7)))).at("key"),
            "été");
}

TEST(ReadPngText, LeavesOutDamagedTexts) {
  const std::vector<std::pair<std::string, std::string>> chunks = {
      {"tEXt", "no end of the keyword"},
      {"tEXt", std::string("\0no keyword", 11)},
      {"zTXt", std::string("k\0", 2)},
      {"zTXt", std::string("k\0\1unknown method", 17)},
      {"zTXt", std::string("k\0\0no zlib stream", 17)},
      {"iTXt", std::string("k\0", 2)},
      {"iTXt", std::string("k\0\0\0no end", 10)},
      {"iTXt", std::string("k\0\1\0\0\0no zlib stream", 20)},
      {"iTXt", std::string("k\0\1\1\0\0unknown method", 20)},
  };
  for (const auto& [type, data] : chunks) {
    EXPECT_TRUE(texts_of(with_chunk(type, to_bytes(data))).empty()) << type << " " << data;
  }
}

TEST(ReadPngText, RefusesTextBombs) {
  const Bytes zeros(std::size_t{65} << 20);
  uLongf length = compressBound(zeros.size());
  Bytes data(3 + length);
  data[0] = 'k';
  compress2(&data[3], &length, zeros.data(), zeros.size(), Z_BEST_SPEED);
  data.resize(3 + length);
  expect_error([&] { texts_of(with_chunk("zTXt", data)); }, ErrorKind::kInput, "64 MiB");
}

TEST(ReadPngText, RefusesOtherFiles) {
  const TemporaryFolder folder;
  write_bytes(folder / "x.png", to_bytes("no picture"));
  expect_error([&] { read_png_text(folder / "x.png"); }, ErrorKind::kInput, "not a PNG file");
  expect_error([&] { read_png_text(folder / "y.png"); }, ErrorKind::kInput, "no such file");
  Bytes cut = encode_png(noise_picture(9, 9));
  cut.pop_back();
  write_bytes(folder / "x.png", cut);
  expect_error([&] { read_png_text(folder / "x.png"); }, ErrorKind::kInput, "cut short");
}

}  // namespace
}  // namespace sd
