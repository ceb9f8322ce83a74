#include "text/wordpiece_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"

namespace sd {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const fs::path kData = fs::path(SD_TEST_DATA) / "wordpiece_tokenizer";
constexpr auto kSlow = WordPieceFlavor::kSlow;
constexpr auto kFast = WordPieceFlavor::kFast;

const json& golden() {
  static const json root = json::parse(read_text(kData / "folders.json"));
  return root;
}

std::string vocabulary_text(const std::string& name) { return read_text(kData / (name + ".txt")); }

json vocabulary_json(const std::string& name) {
  json vocabulary = json::object();
  std::istringstream lines(vocabulary_text(name));
  int id = 0;
  for (std::string line; std::getline(lines, line);) vocabulary[line] = id++;
  return vocabulary;
}

/// Writes a folder of the fixture as `write_folder` of tools/fixtures/wordpiece_tokenizer.py does.
void write_folder(const TemporaryFolder& folder, const std::string& name) {
  const json& description = golden()["folders"].at(name);
  const auto vocabulary = description["vocabulary"].get<std::string>();
  if (description["has_vocabulary"].get<bool>()) {
    folder.write("vocab.txt", vocabulary_text(vocabulary));
  }
  for (const auto& [file, content] : description["files"].items()) {
    json tree = content;
    if (file == "tokenizer.json") tree["model"]["vocab"] = vocabulary_json(vocabulary);
    folder.write(file, tree.dump());
  }
}

WordPieceTokenizer golden_tokenizer(const std::string& name, WordPieceFlavor flavor) {
  const TemporaryFolder folder;
  write_folder(folder, name);
  return WordPieceTokenizer(folder.path(), flavor);
}

constexpr int kLists = 4;

struct GoldenString {
  std::string text;
  std::vector<int64_t> ids[kLists];  // as LISTS of the fixture
};

std::vector<GoldenString> golden_strings() {
  constexpr uint16_t kSame = 0xFFFF;
  const std::string bytes = read_text(kData / "strings.bin");
  size_t at = 0;
  const auto next = [&] {
    at += 2;
    return static_cast<uint16_t>(static_cast<uint8_t>(bytes.at(at - 2)) |
                                 static_cast<uint8_t>(bytes.at(at - 1)) << 8);
  };
  std::vector<GoldenString> strings;
  while (at < bytes.size()) {
    GoldenString& string = strings.emplace_back();
    const size_t size = next();
    string.text = bytes.substr(at, size);
    at += size;
    for (int i = 0; i < kLists; ++i) {
      const uint16_t count = next();
      if (count == kSame) {
        string.ids[i] = string.ids[i - 1];
        continue;
      }
      string.ids[i].resize(count);
      for (int64_t& id : string.ids[i]) id = next();
    }
  }
  return strings;
}

TEST(WordPieceTokenizer, GivesTheIdsOfBothPythonClassesOnManyStrings) {
  const auto strings = golden_strings();
  ASSERT_GT(strings.size(), 2000);
  const WordPieceTokenizer tokenizers[kLists] = {
      golden_tokenizer("bert", kSlow), golden_tokenizer("bert", kFast),
      golden_tokenizer("cased", kSlow), golden_tokenizer("cased", kFast)};
  int differing = 0;
  for (const GoldenString& string : strings) {
    for (int i = 0; i < kLists; ++i) {
      EXPECT_EQ(tokenizers[i].encode(string.text), string.ids[i]) << i << " " << string.text;
    }
    differing += string.ids[0] != string.ids[1];
  }
  EXPECT_GT(differing, 50) << "the strings must tell the two classes apart";
}

class GoldenBertFolder : public ::testing::TestWithParam<std::pair<std::string, std::string>> {};

TEST_P(GoldenBertFolder, GivesWhatDiffusersGetsFromTransformers) {
  const auto& [name, flavor] = GetParam();
  const json& expected = golden()["folders"][name][flavor];
  const int64_t max_length = golden()["max_length"];
  const WordPieceTokenizer tokenizer = golden_tokenizer(name, flavor == "slow" ? kSlow : kFast);
  EXPECT_EQ(tokenizer.flavor(), flavor == "slow" ? kSlow : kFast);
  EXPECT_EQ(json({tokenizer.cls_id(), tokenizer.sep_id(), tokenizer.unk_id(), tokenizer.pad_id()}),
            expected["frame"]);
  const auto length = tokenizer.model_max_length();
  EXPECT_EQ(length ? json(*length) : json(), expected["model_max_length"]);
  for (size_t i = 0; i < expected["cases"].size(); ++i) {
    const auto text = golden()["texts"][i].get<std::string>();
    const json& item = golden()["cases"][expected["cases"][i].get<size_t>()];  // as expected_of
    const auto ids = tokenizer.encode(text);
    const auto prompt = tokenizer.tokenize(text, max_length);
    EXPECT_EQ(ids, item[0]) << text;
    EXPECT_EQ(prompt.ids, item[1]) << text;
    EXPECT_EQ(prompt.token_count, item[2]) << text;
    EXPECT_EQ(prompt.truncated_text, item[3]) << text;
    EXPECT_EQ(tokenizer.decode(ids), item[4]) << text;
    if (!item[5].is_null()) {
      EXPECT_EQ(json(prompt.unknown_words), item[5]) << text;
    }
  }
}

std::vector<std::pair<std::string, std::string>> golden_folders() {
  std::vector<std::pair<std::string, std::string>> folders;
  for (const auto& [name, description] : golden()["folders"].items()) {
    for (const char* flavor : {"slow", "fast"}) {
      if (description.contains(flavor)) folders.emplace_back(name, flavor);
    }
  }
  return folders;
}

INSTANTIATE_TEST_SUITE_P(All, GoldenBertFolder, ::testing::ValuesIn(golden_folders()),
                         [](const auto& test) {
                           return test.param.first + "_" + test.param.second;
                         });

TEST(WordPieceTokenizer, ReadsTheFilesThatAreThereWithoutAClass) {
  for (const auto& [name, flavor] : {std::pair("hunyuan", kSlow), std::pair("json_wins", kSlow),
                                     std::pair("json_only", kFast)}) {
    const TemporaryFolder folder;
    write_folder(folder, name);
    EXPECT_EQ(WordPieceTokenizer(folder.path()).flavor(), flavor) << name;
  }
  EXPECT_EQ(golden_tokenizer("json_only", kSlow).flavor(), kFast)
      << "transformers 5 calls the class of such a folder BertTokenizer";
}

TEST(WordPieceTokenizer, TheLargestTokenIsThatOfPlainPrompts) {
  const int64_t last = static_cast<int64_t>(vocabulary_json("bilingual").size()) - 1;
  for (const auto& [name, flavor, file, id] :
       {std::tuple("hunyuan", kSlow, "vocab.txt", last),
        std::tuple("hunyuan", kFast, "vocab.txt", last),
        std::tuple("hard", kSlow, "vocab.txt", last),
        std::tuple("json_only", kFast, "tokenizer.json", last),
        std::tuple("bert", kSlow, "vocab.txt", int64_t{30521}),
        std::tuple("repeated", kSlow, "vocab.txt", int64_t{18})}) {
    const LargestToken largest = golden_tokenizer(name, flavor).largest_token();
    EXPECT_EQ(largest.id, id) << name;
    EXPECT_EQ(largest.source.filename(), file) << name;
  }
  const LargestToken behind = golden_tokenizer("other_names", kSlow).largest_token();
  EXPECT_EQ(behind.id, last + 4) << "four special tokens are not in the vocabulary";
}

TEST(WordPieceTokenizer, UnknownWordsAreThoseOfWhatFitted) {
  for (const auto flavor : {kSlow, kFast}) {
    const WordPieceTokenizer tokenizer = golden_tokenizer("bert", flavor);
    const std::string text = "a \xF0\x9F\x99\x82 cat \xE9\xBE\x98, \xF0\x9F\x99\x82 [UNK] b";
    EXPECT_THAT(tokenizer.tokenize(text, 77).unknown_words,
                ElementsAre("\xF0\x9F\x99\x82", "\xE9\xBE\x98"));
    EXPECT_THAT(tokenizer.tokenize(text, 5).unknown_words, ElementsAre("\xF0\x9F\x99\x82"));
    EXPECT_THAT(tokenizer.tokenize("a cat [UNK]", 77).unknown_words, IsEmpty());
    EXPECT_THAT(tokenizer.tokenize(std::string(101, 'X'), 77).unknown_words,
                ElementsAre(std::string(101, 'x')));
  }
}

TEST(WordPieceTokenizer, TextThatIsNotUtf8IsRefused) {
  for (const auto flavor : {kSlow, kFast}) {
    const WordPieceTokenizer tokenizer = golden_tokenizer("hunyuan", flavor);
    expect_error([&] { tokenizer.encode("a\xFF"); }, ErrorKind::kUsage, "0xFF at offset 1");
    expect_error([&] { tokenizer.tokenize("\xC3", 8); }, ErrorKind::kUsage, "UTF-8");
    expect_error([&] { tokenizer.tokenize("a", 2); }, ErrorKind::kModel, "at least 3");
    expect_error([&] { tokenizer.decode(std::vector<int64_t>{9999}); }, ErrorKind::kModel, "9999");
    expect_error([&] { tokenizer.decode(std::vector<int64_t>{-1}); }, ErrorKind::kModel, "-1");
  }
}

TEST(WordPieceTokenizer, ServesSeveralThreads) {
  const WordPieceTokenizer tokenizer = golden_tokenizer("bert", kSlow);
  const auto strings = golden_strings();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = t; i < strings.size(); i += 4) {
        EXPECT_EQ(tokenizer.encode(strings[i].text), strings[i].ids[0]);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(WordPieceTokenizer, LongTextsTakeLinearTime) {
  const WordPieceTokenizer tokenizer = golden_tokenizer("hunyuan", kSlow);
  std::string text;
  for (int i = 0; i < 20'000; ++i)
    text +=
        "e\xCC\x81"
        "cat ";
  EXPECT_EQ(tokenizer.encode(text).size(), 40'000);
  EXPECT_EQ(tokenizer.encode(std::string(1'000'000, 'x')), (std::vector{tokenizer.unk_id()}));
}

/// A folder of the fixture after a change.
class BrokenBertFolder : public ::testing::Test {
 protected:
  explicit BrokenBertFolder(const char* name = "hunyuan") { write_folder(folder_, name); }

  /// What both classes say.
  void expect_refused(const std::string& part, const std::string& file) const {
    for (const auto flavor : {kSlow, kFast}) {
      EXPECT_THAT(error_of([&] { WordPieceTokenizer(folder_.path(), flavor); }),
                  AllOf(HasSubstr(file), HasSubstr(part)));
    }
  }

  TemporaryFolder folder_;
};

TEST_F(BrokenBertFolder, WithoutAVocabulary) {
  fs::remove(folder_ / "vocab.txt");
  expect_refused("missing", "vocab.txt");
}

TEST_F(BrokenBertFolder, ThatIsMissing) {
  expect_error([] { WordPieceTokenizer("/nowhere/tokenizer"); }, ErrorKind::kModel,
               "/nowhere/tokenizer");
}

TEST_F(BrokenBertFolder, WithAnEmptyVocabulary) {
  folder_.write("vocab.txt", "");
  expect_refused("empty", "vocab.txt");
}

TEST_F(BrokenBertFolder, WithAPointerInPlaceOfTheVocabulary) {
  folder_.write("vocab.txt", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n");
  expect_refused("git-lfs pointer", "vocab.txt");
}

TEST_F(BrokenBertFolder, WithAVocabularyThatIsNotUtf8) {
  folder_.write("vocab.txt", "[PAD]\n[UNK]\nna\xEFve\n");
  expect_refused("line 3", "vocab.txt");
}

/// A vocabulary that breaks off before its special tokens has them nowhere or behind its end, which
/// the largest token tells.
TEST_F(BrokenBertFolder, WithTooFewLines) {
  folder_.write("vocab.txt", "[PAD]\na\n");
  folder_.write("tokenizer_config.json", "{}");
  const LargestToken largest = WordPieceTokenizer(folder_.path(), kSlow).largest_token();
  EXPECT_EQ(largest.id, 4) << "[UNK], [SEP] and [CLS] behind the two lines";
  EXPECT_EQ(largest.source, folder_.path());
  EXPECT_THAT(error_of([&] { WordPieceTokenizer(folder_.path(), kFast); }),
              AllOf(HasSubstr("vocab.txt"), HasSubstr("\"[UNK]\"")));
}

TEST_F(BrokenBertFolder, WithSpecialTokensThatHaveNoRoom) {
  folder_.write("vocab.txt", "a\na\nb\n");
  folder_.write("tokenizer_config.json", "{}");
  EXPECT_THAT(error_of([&] { WordPieceTokenizer(folder_.path(), kSlow); }),
              AllOf(HasSubstr("\"[UNK]\""), HasSubstr("holes")));
}

TEST_F(BrokenBertFolder, WithABadConfig) {
  const std::string file = "tokenizer_config.json";
  for (const auto& [config, part] :
       {std::pair(R"({"do_lower_case": 1})", "'do_lower_case'"),
        {R"({"strip_accents": "no"})", "'strip_accents'"},
        {R"({"tokenize_chinese_chars": []})", "'tokenize_chinese_chars'"},
        {R"({"do_basic_tokenize": "yes"})", "'do_basic_tokenize'"},
        {R"({"never_split": "cat"})", "'never_split'"},
        {R"({"never_split": [1]})", "'never_split'"},
        {R"({"padding_side": "left"})", "padding_side"},
        {R"({"do_lower_case": true)", "breaks off"}}) {
    folder_.write(file, config);
    expect_refused(part, file);
  }
}

TEST_F(BrokenBertFolder, WithoutATokenThatIsNeeded) {
  fs::remove(folder_ / "special_tokens_map.json");
  for (const std::string role : {"cls_token", "sep_token", "unk_token"}) {
    folder_.write("tokenizer_config.json", json{{role, nullptr}}.dump());
    EXPECT_THAT(error_of([&] { WordPieceTokenizer(folder_.path(), kSlow); }), HasSubstr(role));
  }
  folder_.write("tokenizer_config.json", R"({"pad_token": null})");
  const WordPieceTokenizer tokenizer(folder_.path(), kSlow);
  EXPECT_THAT(error_of([&] { tokenizer.tokenize("a", 8); }), HasSubstr("pad_token"));
}

class BrokenBertJson : public BrokenBertFolder {
 protected:
  BrokenBertJson() : BrokenBertFolder("json_only") {}

  /// The file with one value replaced.
  void expect_refused_with(const char* pointer, const json& value, const std::string& part) const {
    json tree = json::parse(read_text(folder_ / "tokenizer.json"));
    tree[json::json_pointer(pointer)] = value;
    const TemporaryFolder changed;
    changed.write("tokenizer.json", tree.dump());
    EXPECT_THAT(error_of([&] { WordPieceTokenizer(changed.path(), kFast); }),
                AllOf(HasSubstr("tokenizer.json"), HasSubstr(part)));
  }
};

TEST_F(BrokenBertJson, IsRefusedByPlace) {
  expect_refused_with("/model/type", "BPE", "model.type");
  expect_refused_with("/model/continuing_subword_prefix", "@@", "continuing_subword_prefix");
  expect_refused_with("/model/max_input_chars_per_word", -1, "max_input_chars_per_word");
  expect_refused_with("/model/unk_token", nullptr, "unk_token");
  expect_refused_with("/model/unk_token", "<nothing>", "<nothing>");
  expect_refused_with("/model/vocab", {{"[UNK]", 1}, {"a", 1}}, "the id of both");
  expect_refused_with("/normalizer/type", "Lowercase", "normalizer.type");
  expect_refused_with("/normalizer/clean_text", nullptr, "clean_text");
  expect_refused_with("/normalizer/lowercase", 1, "lowercase");
  expect_refused_with("/normalizer/strip_accents", "x", "strip_accents");
  expect_refused_with("/pre_tokenizer", nullptr, "pre_tokenizer.type");
  expect_refused_with("/post_processor", nullptr, "post_processor.type");
  expect_refused_with("/post_processor/single", json::array(), "post_processor.single");
  expect_refused_with("/post_processor/special_tokens", json::object(), "[CLS]");
  expect_refused_with("/post_processor", {{"type", "BertProcessing"}, {"cls", "[CLS]"}},
                      "post_processor.cls");
  expect_refused_with("/decoder", {{"type", "ByteLevel"}}, "decoder.type");
  expect_refused_with("/padding", {{"direction", "Left"}}, "padding");
}

}  // namespace
}  // namespace sd
