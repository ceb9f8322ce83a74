#include "text/clip_tokenizer.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"

namespace sd {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;

const fs::path kData = fs::path(SD_TEST_DATA) / "clip_tokenizer";

uint16_t u16_at(const std::string& bytes, size_t at) {
  return static_cast<uint16_t>(static_cast<uint8_t>(bytes.at(at)) |
                               static_cast<uint8_t>(bytes.at(at + 1)) << 8);
}

/// CLIP's tokens in the order of their ids, and its merges, from tests/data (see
/// tools/fixtures/clip_tokenizer.py).
struct ClipVocabulary {
  std::vector<std::string> tokens;
  std::vector<std::pair<std::string, std::string>> merges;

  ClipVocabulary() {
    const auto prints = [](int c) { return (c > 32 && c < 127) || (c > 160 && c != 173); };
    for (int c = 0; c < 256; ++c) {
      if (prints(c)) add_symbol(c);
    }
    for (int c = 256; tokens.size() < 256; ++c) add_symbol(c);
    for (int i = 0; i < 256; ++i) tokens.push_back(tokens[i] + "</w>");
    const std::string pairs = read_text(kData / "merges.u16");
    for (size_t at = 0; at < pairs.size(); at += 4) {
      merges.emplace_back(tokens.at(u16_at(pairs, at)), tokens.at(u16_at(pairs, at + 2)));
      tokens.push_back(merges.back().first + merges.back().second);
    }
    tokens.insert(tokens.end(), {"<|startoftext|>", "<|endoftext|>"});
  }

  void add_symbol(int c) {
    tokens.push_back(c < 0x80 ? std::string{static_cast<char>(c)}
                              : std::string{static_cast<char>(0xC0 | c >> 6),
                                            static_cast<char>(0x80 | (c & 0x3F))});
  }

  json vocab() const {
    json ids = json::object();
    for (size_t i = 0; i < tokens.size(); ++i) ids[tokens[i]] = i;
    return ids;
  }

  std::string merges_txt() const {
    std::string text = "#version: 0.2\n";
    for (const auto& [left, right] : merges) text += left + " " + right + "\n";
    return text;
  }
};

const ClipVocabulary& clip_vocabulary() {
  static const ClipVocabulary vocabulary;
  return vocabulary;
}

const json& golden_folders() {
  static const json folders = json::parse(read_text(kData / "folders.json"));
  return folders;
}

/// A folder of tokenizer files.
class TokenizerFolder : public TemporaryFolder {
 public:
  void write_slow_files() const {
    write("vocab.json", clip_vocabulary().vocab().dump());
    write("merges.txt", clip_vocabulary().merges_txt());
  }

  /// The files of the golden folder `name`, with the vocabulary.
  void write_golden(const std::string& name) const {
    const json& golden = golden_folders().at(name);
    json files = golden.at("files");
    if (golden.at("slow_files").get<bool>()) write_slow_files();
    if (files.contains("tokenizer.json")) {
      files["tokenizer.json"]["model"]["vocab"] = clip_vocabulary().vocab();
      files["tokenizer.json"]["model"]["merges"] = clip_vocabulary().merges;
    }
    for (const auto& [file, content] : files.items()) write(file, content.dump());
  }
};

ClipTokenizer golden_tokenizer(const std::string& name) {
  const TokenizerFolder folder;
  folder.write_golden(name);
  return ClipTokenizer(folder.path());
}

/// Eight tokens that need no file of their own.
class SmallFolder : public ::testing::Test {
 protected:
  SmallFolder() {
    write("vocab.json",
          R"({"a": 0, "b": 1, "a</w>": 2, "b</w>": 3, "ab</w>": 4, "<|startoftext|>": 5, )"
          R"("<|endoftext|>": 6, "aa": 7})");
    write("merges.txt", "#version: 0.2\na b</w>\na a\n");
  }

  void write(const std::string& file, const std::string& text) const { folder_.write(file, text); }
  ClipTokenizer load() const { return ClipTokenizer(folder_.path()); }

  /// Loading must fail with one sentence that holds all of `parts`.
  void expect_error(const std::vector<std::string>& parts) const {
    const std::string error = error_of([&] { load(); });
    for (const std::string& part : parts) EXPECT_THAT(error, HasSubstr(part));
  }

  TemporaryFolder folder_;
};

struct GoldenString {
  std::string text;
  std::vector<int64_t> slow, fast;
};

std::vector<GoldenString> golden_strings() {
  constexpr uint16_t kSame = 0xFFFF;
  const std::string bytes = read_text(kData / "strings.bin");
  size_t at = 0;
  const auto next = [&] { return u16_at(bytes, (at += 2) - 2); };
  std::vector<GoldenString> strings;
  while (at < bytes.size()) {
    GoldenString& string = strings.emplace_back();
    const size_t size = next();
    string.text = bytes.substr(at, size);
    at += size;
    string.slow.resize(next());
    for (int64_t& id : string.slow) id = next();
    const uint16_t count = next();
    if (count == kSame) {
      string.fast = string.slow;
      continue;
    }
    string.fast.resize(count);
    for (int64_t& id : string.fast) id = next();
  }
  return strings;
}

TEST(ClipTokenizer, GivesTheIdsOfBothPythonClassesOnManyStrings) {
  const auto strings = golden_strings();
  ASSERT_GT(strings.size(), 3000);
  const ClipTokenizer slow = golden_tokenizer("sd1"), fast = golden_tokenizer("fast4");
  EXPECT_EQ(slow.flavor(), ClipFlavor::kSlow);
  EXPECT_EQ(fast.flavor(), ClipFlavor::kFast);
  int differing = 0;
  for (const GoldenString& string : strings) {
    EXPECT_EQ(slow.encode(string.text), string.slow) << string.text;
    EXPECT_EQ(fast.encode(string.text), string.fast) << string.text;
    differing += string.slow != string.fast;
  }
  EXPECT_GT(differing, 100) << "the strings must tell the two tokenizers apart";
}

class GoldenFolder : public ::testing::TestWithParam<std::string> {};

TEST_P(GoldenFolder, GivesWhatDiffusersGetsFromTransformers) {
  const json& golden = golden_folders().at(GetParam());
  const ClipTokenizer tokenizer = golden_tokenizer(GetParam());
  EXPECT_EQ(tokenizer.bos_id(), golden["bos_id"]);
  EXPECT_EQ(tokenizer.eos_id(), golden["eos_id"]);
  EXPECT_EQ(tokenizer.pad_id(), golden["pad_id"]);
  const auto length = tokenizer.model_max_length();
  EXPECT_EQ(length ? json(*length) : json(), golden["model_max_length"]);
  for (const json& item : golden["cases"]) {
    const auto text = item["text"].get<std::string>();
    const auto prompt = tokenizer.tokenize(text, item["max_length"]);
    const auto ids = tokenizer.encode(text);
    EXPECT_EQ(ids, item["ids"]) << text;
    EXPECT_EQ(prompt.ids, item["input_ids"]) << text;
    EXPECT_EQ(prompt.token_count, std::min<size_t>(ids.size() + 2, prompt.ids.size())) << text;
    EXPECT_EQ(prompt.truncated_text, item["truncated"]) << text;
    EXPECT_EQ(tokenizer.decode(ids), item["decoded"]) << text;
  }
}

std::vector<std::string> golden_folder_names() {
  std::vector<std::string> names;
  for (const auto& [name, golden] : golden_folders().items()) names.push_back(name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(All, GoldenFolder, ::testing::ValuesIn(golden_folder_names()),
                         [](const auto& info) { return info.param; });

TEST(ClipTokenizer, PadsWithTheExclamationMarkWhereTheFolderSaysSo) {
  const ClipTokenizer tokenizer = golden_tokenizer("sdxl");
  const std::vector<int64_t> expected = {49406, 0, 0, 0, 0, 0, 0, 49407, 0, 0};
  EXPECT_EQ(tokenizer.tokenize("! !! !!!", 10).ids, expected);  // diffusers issue 4153
}

TEST(ClipTokenizer, PrefersTheSlowFilesAndTakesTheOtherFlavorWhenAsked) {
  const TokenizerFolder folder;
  folder.write_golden("fast4");
  folder.write_slow_files();
  EXPECT_EQ(ClipTokenizer(folder.path()).flavor(), ClipFlavor::kSlow);
  const ClipTokenizer fast(folder.path(), ClipFlavor::kFast);
  EXPECT_EQ(fast.flavor(), ClipFlavor::kFast);
  EXPECT_NE(fast.encode("a\x01z"), ClipTokenizer(folder.path()).encode("a\x01z"));
}

TEST(ClipTokenizer, NamesTheByteThatIsNotUtf8) {
  const ClipTokenizer tokenizer = golden_tokenizer("sd1");
  const std::vector<std::pair<std::string, std::string>> broken = {
      {"caf\xE9", "0xE9 at offset 3"},      {"ab\xC0\xAF", "0xC0 at offset 2"},
      {"\xED\xA0\x80", "0xED at offset 0"}, {"x\xF4\x90\x80\x80", "0xF4 at offset 1"},
      {"\xF0\x9F\x98", "0xF0 at offset 0"},
  };
  for (const auto& [text, place] : broken) {
    sd::expect_error([&] { tokenizer.encode(text); }, ErrorKind::kUsage, place);
  }
}

TEST(ClipTokenizer, RefusesALengthWithoutRoomAndAnUnknownId) {
  const ClipTokenizer tokenizer = golden_tokenizer("sd1");
  EXPECT_THROW(tokenizer.tokenize("a", 2), Error);
  EXPECT_THROW(tokenizer.decode(std::vector<int64_t>{49408}), Error);
  EXPECT_THROW(tokenizer.decode(std::vector<int64_t>{-1}), Error);
}

TEST(ClipTokenizer, TakesTimeInProportionToThePrompt) {
  const ClipTokenizer slow = golden_tokenizer("sd2"), fast = golden_tokenizer("fast5");
  constexpr size_t kMegabyte = 1 << 20;
  // One letter, merged in long chains; marks out of order; sigmas whose context is long; starts of
  // special tokens; single tokens.
  for (const std::string part : {"x", "\xCC\x81\xCC\xA3", "\xCE\xA3'", "<|endoftext", "7", "ab "}) {
    std::string text = "a";
    while (text.size() < kMegabyte) text += part;
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(slow.tokenize(text, 77).ids.size(), 77);
    EXPECT_EQ(fast.tokenize(text, 77).ids.size(), 77);
    // A quadratic step takes minutes.
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30)) << part;
  }
}

TEST(ClipTokenizer, IsSafeToShareBetweenThreads) {
  const ClipTokenizer tokenizer = golden_tokenizer("sd1");
  const auto expected = tokenizer.encode("a photo of an astronaut");
  std::vector<std::thread> threads;
  std::vector<int> wrong(4);
  for (int& count : wrong) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i)
        count += tokenizer.encode("a photo of an astronaut") != expected;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(wrong, ::testing::Each(0));
}

TEST_F(SmallFolder, LoadsWithTheDefaultsOfTheClass) {
  const ClipTokenizer tokenizer = load();
  const std::vector<int64_t> expected = {5, 7, 4, 6, 6, 6};
  EXPECT_EQ(tokenizer.tokenize("AaAb", 6).ids, expected);
  EXPECT_EQ(tokenizer.model_max_length(), std::nullopt);
  EXPECT_EQ(tokenizer.encode("ac b"), (std::vector<int64_t>{0, 6, 3})) << "c is unknown";
}

TEST_F(SmallFolder, ReadsMergesWithCarriageReturnsAndBlankEnds) {
  write("merges.txt", "\n #version\r\na b</w>\r\na a\r\n\r\n\n");
  EXPECT_EQ(load().encode("aaab"), (std::vector<int64_t>{7, 4}));
}

TEST_F(SmallFolder, NamesAMissingFile) {
  fs::remove(folder_.path() / "merges.txt");
  expect_error({"merges.txt", "missing"});
  fs::remove(folder_.path() / "vocab.json");
  expect_error({"vocab.json", "missing"});
  fs::remove(folder_.path());
  expect_error({"the folder is missing"});
}

TEST_F(SmallFolder, NamesBrokenJson) {
  write("vocab.json", R"({"a": 0, "b")");
  expect_error({"vocab.json", "breaks off after 12 bytes"});
  write("vocab.json", R"({"a": "0"})");
  expect_error({"vocab.json", "\"a\"", "a string"});
  write("vocab.json", R"({"a": -1})");
  expect_error({"vocab.json", "\"a\"", "negative"});
  write("vocab.json", R"({"a": 99999999999})");
  expect_error({"vocab.json", "\"a\"", "99999999999"});
  write("vocab.json", "[1]");
  expect_error({"vocab.json", "a list"});
  write("vocab.json", R"({"a": 1e400})");
  expect_error({"vocab.json", "not valid JSON"});
}

TEST_F(SmallFolder, NamesABrokenConfig) {
  write("tokenizer_config.json", "{");
  expect_error({"tokenizer_config.json", "breaks off"});
  write("tokenizer_config.json", "[]");
  expect_error({"tokenizer_config.json", "a JSON object", "array"});
  write("tokenizer_config.json", R"({"pad_token": 7})");
  expect_error({"tokenizer_config.json", "a token must be", "7"});
  write("tokenizer_config.json", R"({"added_tokens_decoder": {"x": {"content": "a"}}})");
  expect_error({"added_tokens_decoder", "\"x\""});
  write("tokenizer_config.json", R"({"pad_token": "!", "model_max_length": 1e999})");
  expect_error({"tokenizer_config.json", "'model_max_length' should be a finite number", "1e999"});
  write("tokenizer_config.json", R"({"chat": )" + std::string(100'000, '['));
  expect_error({"tokenizer_config.json", "nested too deeply"});
  write("tokenizer_config.json", R"({"padding_side": "left"})");
  expect_error({"padding_side", "left"});
  write("tokenizer_config.json", R"({"bos_token": null})");
  expect_error({"bos_token"});
}

TEST_F(SmallFolder, TakesALengthThatLeavesRoomForAToken) {
  for (const std::string length : {"\"long\"", "0", "-1", "2", "77.5", "true"}) {
    write("tokenizer_config.json", "{\"model_max_length\": " + length + "}");
    expect_error({"tokenizer_config.json: 'model_max_length' should be a whole number from 3 on",
                  "found " + length});
  }
  write("tokenizer_config.json", R"({"model_max_length": 3})");
  EXPECT_EQ(load().model_max_length(), 3);
  // What transformers writes for "none": int(1e30), which is no power of ten.
  for (const std::string none : {"1000000000000000019884624838656", "1e30", "null"}) {
    write("tokenizer_config.json", "{\"model_max_length\": " + none + "}");
    EXPECT_EQ(load().model_max_length(), std::nullopt) << none;
  }
}

struct Mistake {
  const char* content;
  const char* message;
};

TEST_F(SmallFolder, NamesWhatStandsInPlaceOfAFile) {
  write("tokenizer_config.json", "{}");
  write("special_tokens_map.json", "{}");
  write("added_tokens.json", "{}");
  write("tokenizer.json", golden_folders().at("fast4").at("files").at("tokenizer.json").dump());
  for (const std::string file :
       {"vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json",
        "added_tokens.json", "tokenizer.json"}) {
    const std::string good = read_text(folder_ / file);
    for (const Mistake& mistake : {Mistake{"", "the file is empty"},
                                   {"version https://git-lfs.github.com/spec/v1\n", "git-lfs"},
                                   {"<!DOCTYPE html>\n<html></html>", "web page"},
                                   {"<?xml version='1.0'?><Error/>", "web page"}}) {
      write(file, mistake.content);
      expect_error({"/" + file + ": ", mistake.message});
    }
    fs::remove(folder_ / file);
    fs::create_symlink("blobs/3a91", folder_ / file);
    expect_error({"/" + file + ": ", "the link leads to blobs/3a91"});
    fs::remove(folder_ / file);
    fs::create_directory(folder_ / file);
    expect_error({"/" + file + ": ", "expected a file, found a folder"});
    fs::remove(folder_ / file);
    write(file, good);
  }
}

TEST_F(SmallFolder, KnowsTheLargestIdOfAnyPrompt) {
  EXPECT_EQ(load().largest_token().id, 7);
  EXPECT_EQ(load().largest_token().source, folder_ / "vocab.json");
  // An added token is met only by prompts that name it; padding by all.
  write("added_tokens.json", R"({"<new>": 90})");
  EXPECT_EQ(load().largest_token().id, 7);
  write("tokenizer_config.json", R"({"pad_token": "<new>"})");
  EXPECT_EQ(load().largest_token().id, 90);
  EXPECT_EQ(load().largest_token().source, folder_.path());
}

TEST_F(SmallFolder, WantsAPadTokenOnlyForPadding) {
  write("tokenizer_config.json", R"({"pad_token": null})");
  const ClipTokenizer tokenizer = load();
  EXPECT_EQ(tokenizer.encode("ab"), (std::vector<int64_t>{4}));
  EXPECT_THROW(tokenizer.tokenize("ab", 6), Error);
}

TEST_F(SmallFolder, NamesDuplicates) {
  write("vocab.json", R"({"a": 0, "b": 0})");
  expect_error({"vocab.json", "\"a\"", "\"b\"", "0"});
  write("vocab.json", R"({"a": 0, "a": 1})");
  expect_error({"vocab.json", "\"a\"", "twice"});
}

TEST_F(SmallFolder, NamesABadMerge) {
  write("merges.txt", "#version: 0.2\na b</w>\nab\n");
  expect_error({"merges.txt", "line 3", "two tokens", "\"ab\""});
  write("merges.txt", "#version: 0.2\na b b\n");
  expect_error({"merges.txt", "line 2", "\"a b b\""});
  write("merges.txt", "#version: 0.2\na q\n");
  expect_error({"merges.txt", "\"q\"", "vocabulary"});
  write("merges.txt", "#version: 0.2\nb a\n");
  expect_error({"merges.txt", "\"ba\"", "vocabulary"});
  write("merges.txt", " \n");
  expect_error({"merges.txt", "empty"});
}

TEST_F(SmallFolder, PutsANewSpecialTokenBehindTheVocabularyButNotIntoAHole) {
  write("tokenizer_config.json", R"({"pad_token": "<pad>"})");
  EXPECT_EQ(load().pad_id(), 8);
  write("vocab.json",
        R"({"a": 0, "b": 1, "a</w>": 2, "b</w>": 3, "ab</w>": 4, "<|startoftext|>": 5, )"
        R"("<|endoftext|>": 6, "aa": 8})");
  expect_error({"<pad>", "8", "holes"});
}

TEST_F(SmallFolder, NamesATokenizerJsonOfAnotherTokenizer) {
  fs::remove(folder_.path() / "vocab.json");
  json good = golden_folders().at("fast4").at("files").at("tokenizer.json");
  good["model"]["vocab"] = {
      {"a", 0}, {"a</w>", 1}, {"aa</w>", 2}, {"<|startoftext|>", 49406}, {"<|endoftext|>", 49407}};
  good["model"]["merges"] = {"a a</w>"};
  write("tokenizer.json", good.dump());
  EXPECT_EQ(load().encode("aa"), (std::vector<int64_t>{2}));
  const auto with = [&](const std::string& place, const json& value) {
    json changed = good;
    changed[json::json_pointer(place)] = value;
    write("tokenizer.json", changed.dump());
  };
  with("/model/type", "WordPiece");
  expect_error({"tokenizer.json", "model.type", "WordPiece"});
  with("/normalizer/normalizers/2/type", "Strip");
  expect_error({"tokenizer.json", "normalizers", "Strip"});
  with("/pre_tokenizer/pretokenizers/0/pattern/Regex", "x+");
  expect_error({"tokenizer.json", "pattern", "x+"});
  with("/model/merges", {"a"});
  expect_error({"tokenizer.json", "two tokens", "a"});
  with("/model/merges", json::array({json::array({"a", "a", "a"})}));
  expect_error({"tokenizer.json", "two tokens"});
  with("/model/vocab/a", "x");
  expect_error({"tokenizer.json", "\"a\""});
  with("/model/dropout", 0.1);
  expect_error({"tokenizer.json", "model.dropout", "0.1"});
  with("/post_processor/cls", nullptr);
  expect_error({"tokenizer.json", "post_processor.cls"});
  write("tokenizer.json", good.dump().substr(0, 500));
  expect_error({"tokenizer.json", "breaks off"});
}

}  // namespace
}  // namespace sd
