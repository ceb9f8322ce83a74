// What picture files say beside their pixels: sizes, EXIF, and the parameters of other programs.

#include "io/picture_metadata.h"

#include <random>

#include "io/comfy_graph.h"
#include "io/exif_comment.h"
#include "io/foreign_json.h"
#include "io/foreign_parameters.h"
#include "io/png.h"
#include "pictures_support.h"

namespace sd {
namespace {

using namespace std::string_literals;
using testing::HasSubstr;

const Picture kPixel = {1, 1, {1, 2, 3}};

Bytes fixture(const std::string& name) {
  return file_bytes(std::string(SD_TEST_DATA) + "/metadata/" + name);
}

TEST(ExifComment, IsUtf16InABigEndianBlock) {
  EXPECT_EQ(exif_with_comment("a雪😀"),
            from_hex("4d4d002a00000008"  // MM, the directory is at 8
                     "0001876900040000000100000"s +
                     "01a00000000"  // one entry: EXIF's is at 26
                     "0001928600070000001000000"s +
                     "02c00000000"  // UserComment: 16 bytes at 44
                     "554e49434f444500"
                     "0061"
                     "96ea"
                     "d83dde00"));  // UNICODE, UTF-16BE
}

TEST(ExifComment, ComesBack) {
  for (const std::string& text : {""s, "a"s, "été"s, "雪\n山"s, "\U0010ffff\U00010000\uffff"s}) {
    EXPECT_EQ(read_exif_texts(exif_with_comment(text)).comment, text);
  }
  EXPECT_EQ(read_exif_texts(exif_with_comment("a\0b\xff"s)).comment, "a\uFFFDb\uFFFD");
}

/// A little- or big-endian block whose UserComment has these bytes.
Bytes block(const std::string& comment, bool big_endian = false, std::uint8_t type = 7) {
  Bytes bytes = to_bytes(big_endian ? "MM"s : "II"s);
  const auto add = [&](std::uint32_t value, int size) {
    for (int i = 0; i < size; ++i) {
      bytes.push_back(static_cast<std::uint8_t>(value >> 8 * (big_endian ? size - 1 - i : i)));
    }
  };
  const auto directory = [&](std::uint32_t tag, std::uint8_t kind, std::size_t count, int value) {
    add(1, 2);
    add(tag, 2);
    add(kind, 2);
    add(static_cast<std::uint32_t>(count), 4);
    add(static_cast<std::uint32_t>(value), 4);
    add(0, 4);
  };
  add(42, 2);
  add(8, 4);
  directory(0x8769, 4, 1, 26);
  directory(0x9286, type, comment.size(), 44);
  bytes.insert(bytes.end(), comment.begin(), comment.end());
  return bytes;
}

TEST(ExifComment, IsReadInEveryCodeAndByteOrder) {
  const auto read = [](const std::string& comment, bool big_endian) {
    return read_exif_texts(block(comment, big_endian)).comment.value_or("none");
  };
  for (const bool big_endian : {false, true}) {
    EXPECT_EQ(read("ASCII\0\0\0caf\xc3\xa9"s, big_endian), "café");
    EXPECT_EQ(read("ASCII\0\0\0caf\xe9\0\0"s, big_endian), "café");
    EXPECT_EQ(read("\0\0\0\0\0\0\0\0plain"s, big_endian), "plain");
    EXPECT_EQ(read("UNICODE\0\0a\x96\xea\0b"s, big_endian), "a雪b") << "UTF-16 in big-endian";
    EXPECT_EQ(read("UNICODE\0\xfe\xff\0a"s, big_endian), "a");
    EXPECT_EQ(read("UNICODE\0\xff\xfe"
                   "a\0"s,
                   big_endian),
              "a");
    EXPECT_EQ(read("UNICODE\0"s, big_endian), "");
    EXPECT_EQ(read("JIS\0\0\0\0\0abc"s, big_endian), "none");
    EXPECT_EQ(read("short"s, big_endian), "none");
  }
  EXPECT_EQ(read("UNICODE\0a\0\xea\x96"
                 "b\0"s,
                 false),
            "a雪b")
      << "and in little-endian";
  EXPECT_EQ(read("UNICODE\0\x30\x00\x30\x00\0a"s, true), "\u3000\u3000a") << "no guessing here";
  EXPECT_EQ(read("UNICODE\0\xd8\x3d\0a\xde\0\0"s, true), "\uFFFDa\uFFFD") << "halves";
  EXPECT_EQ(read_exif_texts(block("ASCII\0\0\0text"s, false, 2)).comment, "text");
  EXPECT_EQ(read_exif_texts(block("ASCII\0\0\0text"s, false, 4)).comment, std::nullopt);
}

TEST(ExifComment, IsLeftOutWhereTheBlockIsDamaged) {
  const Bytes whole = block("ASCII\0\0\0text"s);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(read_exif_texts({whole.data(), size}).comment, std::nullopt) << size;
  }
  std::mt19937 random(3);
  for (int i = 0; i < 20000; ++i) {
    Bytes bytes = whole;
    for (int changes = 0; changes < 3; ++changes) {
      bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
    }
    const auto comment = read_exif_texts(bytes).comment;
    EXPECT_LE(comment.value_or("").size(), 2 * whole.size());
  }
}

TEST(PictureMetadata, FindsTheSizeThatPillowFinds) {
  int seen = 0;
  for (const auto& test : golden("read")) {
    const std::string name = test["name"];
    if (!name.ends_with(".png") && !name.ends_with(".jpg") && !name.ends_with(".webp")) continue;
    SCOPED_TRACE(name);
    const PictureMetadata picture = read_picture_metadata(from_hex(test["file"]), name);
    EXPECT_EQ(picture.width, test["width"]);
    EXPECT_EQ(picture.height, test["height"]);
    ++seen;
  }
  EXPECT_GT(seen, 60);
}

TEST(PictureMetadata, RefusesOtherFiles) {
  const auto expect = [](const std::string& bytes, const std::string& part) {
    expect_error([&] { read_picture_metadata(to_bytes(bytes), "x"); }, ErrorKind::kInput, part);
  };
  expect("", "'x' is empty, a PNG, JPEG or WebP picture was expected");
  expect("GIF89a and more", "'x' is no PNG, JPEG or WebP picture");
  expect("RIFF\x04\0\0\0WAVE"s, "'x' is no PNG, JPEG or WebP picture");
  expect("\xff\xd8\xff"s, "JPEG file 'x' is cut short: it ends at byte 3");
  expect("\xff\xd8\xff\xe0\0\1"s, "JPEG file 'x' is damaged: a segment has no length");
  expect("\xff\xd8\xff\xe0\0\2no"s, "JPEG file 'x' is damaged: a marker was expected");
  expect("\xff\xd8\xff\xd9"s, "JPEG file 'x' is damaged: it says no size");
  expect("\xff\xd8\xff\xc0\0\x0b\x08\0\0\0\1\1\1\1\1"s, "damaged: it says a size of 1 x 0 pixels");
  expect("RIFF\x04\0\0\0WEBP"s, "WebP file 'x' is damaged: it says no size");
  expect("RIFF\xff\xff\xff\xffWEBPEXIF\xff\xff\xff\xff"s, "WebP file 'x' is cut short");
  expect("\x89PNG\r\n\x1a\n"s, "PNG file 'x' is cut short");
}

TEST(PictureMetadata, RefusesFilesThatAreCutShortAndStandsAnyDamage) {
  std::mt19937 random(5);
  for (const char* name : {"a1111.png", "a1111.jpg", "a1111.webp", "comfyui.webp", "comfyui.png"}) {
    const Bytes whole = fixture(name);
    ASSERT_GT(whole.size(), 100u) << name;
    const bool is_jpeg = std::string(name).ends_with(".jpg");     // its scan is not looked at
    const std::size_t needed = is_jpeg ? 700 : whole.size() - 1;  // WebP may end in a filler
    for (std::size_t size = 0; size < needed; ++size) {
      expect_error(
          [&] {
            read_picture_metadata({whole.data(), size}, "x");
          },
          ErrorKind::kInput, "'x'");
    }
    for (int i = 0; i < 2000; ++i) {
      Bytes bytes = whole;
      for (int changes = 0; changes < 4; ++changes) {
        bytes[12 + random() % (bytes.size() - 12)] = static_cast<std::uint8_t>(random());
      }
      try {
        find_parameters(read_picture_metadata(bytes, "x"));
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kInput) << error.what();
      }
    }
  }
}

TEST(ForeignJson, TakesPythonsNumbersForNull) {
  EXPECT_EQ(parse_foreign_json(R"({"a": NaN, "b": [-Infinity, Infinity], "c": "NaN \" {"})"),
            nlohmann::json::parse(R"({"a": null, "b": [null, null], "c": "NaN \" {"})"));
}

TEST(ForeignJson, IsBounded) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(parse_foreign_json(nested(100)));
  EXPECT_FALSE(parse_foreign_json(nested(101)));
  EXPECT_FALSE(parse_foreign_json(std::string(8'000'000, '[')));
  EXPECT_FALSE(parse_foreign_json(std::string(8'000'000, '{')));
}

TEST(ForeignJson, IsNothingWhereItIsDamaged) {
  for (const char* text :
       {"", "{", "{\"a\":", "\"", "\"\\", "nope", "{} {}", "\"\\ud800\"", "\"\xff\""}) {
    EXPECT_FALSE(parse_foreign_json(text)) << text;
  }
}

Infotext graph(const std::string& json) {
  const auto found = read_comfy_graph(nlohmann::json::parse(json));
  EXPECT_TRUE(found);
  return found.value_or(Infotext{});
}

TEST(ComfyGraph, IsReadAsFarAsItCanBe) {
  const Infotext text = graph(R"({
      "1": {"class_type": "KSampler", "inputs": {"positive": ["2", 0], "negative": ["no", 0],
            "latent_image": [], "steps": [], "seed": 18446744073709551615, "cfg": 6.5, "model": 5,
            "sampler_name": null, "scheduler": {"a": 1}}},
      "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "cat"}},
      "3": {"class_type": 5}, "4": null, "5": []})");
  EXPECT_EQ(text, (Infotext{"cat", "", {{"CFG scale", "6.5"}, {"Seed", "18446744073709551615"}}}));
}

TEST(ComfyGraph, MayGoRoundInCircles) {
  const Infotext text = graph(R"({
      "1": {"class_type": "KSampler", "inputs": {"positive": ["2", 0], "negative": ["2", 0],
            "latent_image": ["4", 0], "steps": ["3", 0], "seed": 7, "model": ["5", 0]}},
      "2": {"class_type": "ConditioningCombine", "inputs": {"conditioning_1": ["2", 0],
            "conditioning_2": ["6", 0]}},
      "3": {"class_type": "PrimitiveInt", "inputs": {"value": ["3", 0]}},
      "4": {"class_type": "LatentBlend", "inputs": {"samples": ["4", 0]}},
      "5": {"class_type": "ModelPatch", "inputs": {"model": ["5", 0]}},
      "6": {"class_type": "CLIPTextEncode", "inputs": {"text": ["7", 0]}},
      "7": {"class_type": "Concat", "inputs": {"string_a": ["6", 0], "string_b": "end"}}})");
  EXPECT_EQ(text, (Infotext{"end", "end", {{"Seed", "7"}}}));
}

TEST(ComfyGraph, StandsChainsOfAnyLength) {
  nlohmann::json nodes;
  const int length = 100'000;
  for (int i = 0; i < length; ++i) {
    nodes[std::to_string(i)] = {{"class_type", "ConditioningAverage"},
                                {"inputs", {{"conditioning_to", {std::to_string(i + 1), 0}}}}};
  }
  nodes["s"] = {{"class_type", "KSampler"},
                {"inputs", {{"positive", {"0", 0}}, {"latent_image", {"x", 0}}, {"steps", 3}}}};
  EXPECT_EQ(read_comfy_graph(nodes)->fields, (decltype(Infotext::fields){{"Steps", "3"}}));
}

TEST(ComfyGraph, JoinsTextsAndLeavesOutZeroedOnes) {
  const Infotext text = graph(R"({
      "1": {"class_type": "KSampler", "inputs": {"positive": ["2", 0], "negative": ["3", 0],
            "latent_image": ["9", 0], "denoise": 0.55}},
      "2": {"class_type": "ConditioningConcat", "inputs": {"conditioning_from": ["4", 0],
            "conditioning_to": ["5", 0]}},
      "3": {"class_type": "ConditioningZeroOut", "inputs": {"conditioning": ["4", 0]}},
      "4": {"class_type": "CLIPTextEncodeSDXL", "inputs": {"text_g": "one", "text_l": "one"}},
      "5": {"class_type": "CLIPTextEncode", "inputs": {"text": "two"}}})");
  EXPECT_EQ(text, (Infotext{"one\ntwo", "", {{"Denoising strength", "0.55"}}}));
}

TEST(ComfyGraph, IsNothingWhereThereAreNoNodes) {
  for (const char* json :
       {"{}", "[]", "5", "null", R"({"a": 1})", R"({"class_type": "KSampler"})"}) {
    EXPECT_FALSE(read_comfy_graph(nlohmann::json::parse(json))) << json;
  }
}

FoundParameters from_texts(const std::vector<PngText>& texts) {
  return find_parameters(read_picture_metadata(encode_png(kPixel, texts), "x"));
}

TEST(ForeignParameters, AreFoundInTheirOrder) {
  const PngText infotext = {"parameters", "cat\nSteps: 1, Seed: 2, Size: 8x8"};
  const PngText invoke = {"invokeai_metadata", R"({"positive_prompt": "dog"})"};
  const PngText comfy = {"prompt", R"({"1": {"class_type": "VAEDecode", "inputs": {}}})"};
  EXPECT_EQ(from_texts({infotext, invoke, comfy}).source, ParameterSource::kA1111);
  EXPECT_EQ(from_texts({comfy, invoke}).source, ParameterSource::kInvokeAi);
  EXPECT_EQ(from_texts({comfy}).source, ParameterSource::kComfyUi);
  EXPECT_EQ(from_texts({comfy}).warning, "ComfyUI's graph has no sampler that is known");
  EXPECT_EQ(from_texts({}).source, ParameterSource::kNone);
  EXPECT_EQ(from_texts({{"parameters", "cat\nSteps: 1, Seed: 2, Version: sd 0.1.0"}}).source,
            ParameterSource::kSd);
}

TEST(ForeignParameters, AreNotSeenWhereThereAreNone) {
  for (const PngText& text : {PngText{"prompt", "a cat"},
                              {"prompt", R"({"a": 1})"},
                              {"prompt", ""},
                              {"parameters", R"({"sui_image_params": {"prompt": "x"}})"},
                              {"Comment", "Steps: 1, Seed: 2, Size: 8x8"}}) {
    EXPECT_EQ(from_texts({text}).source, ParameterSource::kNone) << text.value;
  }
  PictureMetadata photo;
  for (const char* comment :
       {"", "taken at noon", "{\"a\": 1}", "{broken", "a: b, cc: d, ee: f, gg: h"}) {
    photo.exif.comment = comment;
    EXPECT_EQ(find_parameters(photo).source, ParameterSource::kNone) << comment;
  }
  photo.exif.comment.reset();
  photo.exif.strings = {"Canon", "prompt: a habit of hers"};
  EXPECT_THAT(find_parameters(photo).warning, HasSubstr("ComfyUI's graph is damaged"));
}

TEST(ForeignParameters, WarnOnceWhereTheyAreDamaged) {
  EXPECT_EQ(from_texts({{"prompt", "{\"3\": {\"class_type\": \"KSam"}}).warning,
            "ComfyUI's graph is damaged and cannot be read");
  for (const char* json : {"{\"positive_prompt\":", "[]", "", "7"}) {
    const FoundParameters found = from_texts({{"invokeai_metadata", json}});
    EXPECT_EQ(found.source, ParameterSource::kInvokeAi);
    EXPECT_EQ(found.warning, "invokeai_metadata is damaged and cannot be read");
    EXPECT_EQ(found.text, Infotext{});
  }
  const FoundParameters partly =
      from_texts({{"invokeai_metadata", R"({"positive_prompt": "x", "seed": {}, "steps": [1],
          "model": 5, "loras": [1, {}, {"model": {"name": "l"}}], "clip_skip": "a", "width": 8})"}});
  EXPECT_EQ(partly.text, (Infotext{"x", "", {{"Model", "5"}, {"Loras", "l"}}}));
  EXPECT_EQ(partly.warning, "");
}

TEST(ForeignParameters, OfOldInvokeAiHaveTheNegativePromptInBrackets) {
  const auto prompt_of = [](const std::string& json) {
    const Infotext text =
        from_texts({{"sd-metadata", R"({"image": {"prompt": )" + json + "}}"}}).text;
    return text.prompt + "|" + text.negative_prompt;
  };
  EXPECT_EQ(prompt_of(R"("a cat")"), "a cat|");
  EXPECT_EQ(prompt_of(R"("a [b] cat [c d]")"), "a cat|b c d");
  EXPECT_EQ(prompt_of(R"("open [ end")"), "open [ end|");
  EXPECT_EQ(prompt_of(R"([{"prompt": "one", "weight": 1}, {"prompt": "two"}, 5])"), "one\ntwo|");
  EXPECT_EQ(prompt_of("5"), "|");
}

}  // namespace
}  // namespace sd
