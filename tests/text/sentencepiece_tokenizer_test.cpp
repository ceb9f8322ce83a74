#include "text/sentencepiece_tokenizer.h"

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
using ::testing::AllOf;
using ::testing::HasSubstr;

const fs::path kData = fs::path(SD_TEST_DATA) / "sentencepiece_tokenizer";
constexpr auto kSlow = SentencePieceFlavor::kSlow;
constexpr auto kFast = SentencePieceFlavor::kFast;

const std::string& charsmap() {
  static const std::string bytes = read_text(kData / "nmt_nfkc.charsmap");
  return bytes;
}

/// A field of bytes in a protobuf message.
std::string proto_field(int number, const std::string& bytes) {
  std::string field(1, static_cast<char>(number << 3 | 2));
  size_t rest = bytes.size();
  for (; rest >= 0x80; rest >>= 7) field.push_back(static_cast<char>((rest & 0x7F) | 0x80));
  return field.append(1, static_cast<char>(rest)).append(bytes);
}

/// The model with its charsmap, which the fixture stores once: protobuf merges what is given twice.
std::string spiece_model(const std::string& name) {
  return read_text(kData / (name + ".model")) + proto_field(3, proto_field(2, charsmap()));
}

std::string base64(const std::string& bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t at = 0; at < bytes.size(); at += 3) {
    uint32_t bits = 0;
    for (size_t i = 0; i < 3; ++i) {
      bits = bits << 8 | (at + i < bytes.size() ? static_cast<uint8_t>(bytes[at + i]) : 0U);
    }
    for (int i = 3; i >= 0; --i) text.push_back(kDigits[bits >> 6 * i & 63]);
  }
  if (bytes.size() % 3 != 0) text.replace(text.size() - (3 - bytes.size() % 3), 2, "==");
  return text.substr(0, (bytes.size() + 2) / 3 * 4);
}

const json& golden() {
  static const json root = json::parse(read_text(kData / "folders.json"));
  return root;
}

std::string with_charsmap(std::string text) {
  const std::string mark = "$charsmap";
  const size_t at = text.find(mark);
  return at == std::string::npos ? text : text.replace(at, mark.size(), base64(charsmap()));
}

/// Writes a folder of the fixture as `write_folder` of tools/fixtures/sentencepiece_tokenizer.py
/// does.
void write_folder(const TemporaryFolder& folder, const std::string& name) {
  const json& description = golden()["folders"].at(name);
  const auto model = description["model"].get<std::string>();
  if (description["has_model"].get<bool>()) folder.write("spiece.model", spiece_model(model));
  for (const auto& [file, content] : description["files"].items()) {
    json tree = content;
    if (file == "tokenizer.json") {
      json& vocabulary = tree["model"]["vocab"];
      vocabulary = json::parse(read_text(kData / (model + ".vocab.json")));
      for (int i = description["extra_ids"]; i-- > 0;) {
        vocabulary.push_back({"<extra_id_" + std::to_string(i) + ">", 0.0});
      }
    }
    folder.write(file, with_charsmap(tree.dump()));
  }
}

SentencePieceTokenizer golden_tokenizer(const std::string& name, SentencePieceFlavor flavor) {
  const TemporaryFolder folder;
  write_folder(folder, name);
  return SentencePieceTokenizer(folder.path(), flavor);
}

struct GoldenString {
  std::string text;
  std::vector<int64_t> ids[4];  // "sd3" slow and fast, "hunyuan" slow and fast
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
    for (int i = 0; i < 4; ++i) {
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

TEST(SentencePieceTokenizer, GivesTheIdsOfBothPythonClassesOnManyStrings) {
  const auto strings = golden_strings();
  ASSERT_GT(strings.size(), 2000);
  const SentencePieceTokenizer tokenizers[] = {
      golden_tokenizer("sd3", kSlow), golden_tokenizer("sd3", kFast),
      golden_tokenizer("hunyuan", kSlow), golden_tokenizer("hunyuan", kFast)};
  int differing = 0;
  for (const GoldenString& string : strings) {
    for (int i = 0; i < 4; ++i) {
      EXPECT_EQ(tokenizers[i].encode(string.text), string.ids[i]) << i << " " << string.text;
    }
    differing += string.ids[0] != string.ids[1];
  }
  EXPECT_GT(differing, 100) << "the strings must tell the two classes apart";
}

class GoldenT5Folder : public ::testing::TestWithParam<std::pair<std::string, std::string>> {};

TEST_P(GoldenT5Folder, GivesWhatDiffusersGetsFromTransformers) {
  const auto& [name, flavor] = GetParam();
  const json& expected = golden()["folders"][name][flavor];
  const int64_t max_length = golden()["max_length"];
  const SentencePieceTokenizer tokenizer = golden_tokenizer(name, flavor == "slow" ? kSlow : kFast);
  EXPECT_EQ(tokenizer.flavor(), flavor == "slow" ? kSlow : kFast);
  EXPECT_EQ(tokenizer.eos_id(), expected["eos_id"]);
  EXPECT_EQ(tokenizer.pad_id(), expected["pad_id"]);
  const auto length = tokenizer.model_max_length();
  EXPECT_EQ(length ? json(*length) : json(), expected["model_max_length"]);
  for (size_t i = 0; i < expected["cases"].size(); ++i) {
    const auto text = golden()["texts"][i].get<std::string>();
    const json& item = expected["cases"][i];  // ids, framed and padded, truncated text, decoded
    const auto ids = tokenizer.encode(text);
    const auto prompt = tokenizer.tokenize(text, max_length);
    EXPECT_EQ(ids, item[0]) << text;
    EXPECT_EQ(prompt.ids, item[1]) << text;
    EXPECT_EQ(prompt.truncated_text, item[2]) << text;
    EXPECT_EQ(tokenizer.decode(ids), item[3]) << text;
    const auto padding = std::find_if_not(prompt.ids.rbegin(), prompt.ids.rend(),
                                          [&](int64_t id) { return id == tokenizer.pad_id(); });
    EXPECT_EQ(prompt.token_count, prompt.ids.rend() - padding) << text;
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

INSTANTIATE_TEST_SUITE_P(All, GoldenT5Folder, ::testing::ValuesIn(golden_folders()),
                         [](const auto& test) {
                           return test.param.first + "_" + test.param.second;
                         });

TEST(SentencePieceTokenizer, ReadsTheFilesThatAreThereWithoutAClass) {
  for (const auto& [name, flavor] :
       {std::pair("sd3", kSlow), std::pair("bare", kSlow), std::pair("json_only", kFast)}) {
    const TemporaryFolder folder;
    write_folder(folder, name);
    EXPECT_EQ(SentencePieceTokenizer(folder.path()).flavor(), flavor) << name;
  }
  EXPECT_EQ(golden_tokenizer("json_only", kSlow).flavor(), kFast)
      << "transformers 5 calls the class of such a folder T5Tokenizer";
}

TEST(SentencePieceTokenizer, TheLargestTokenIsThatOfPlainPrompts) {
  for (const auto& [name, flavor, file, id] :
       {std::tuple("sd3", kSlow, "spiece.model", 1499),
        std::tuple("sd3", kFast, "spiece.model", 1499),
        std::tuple("json_only", kFast, "tokenizer.json", 1499),
        std::tuple("hunyuan", kSlow, "spiece.model", 1599)}) {
    const LargestToken largest = golden_tokenizer(name, flavor).largest_token();
    EXPECT_EQ(largest.id, id) << name;
    EXPECT_EQ(largest.source.filename(), file) << name;
  }
}

TEST(SentencePieceTokenizer, TextThatIsNotUtf8IsRefused) {
  for (const auto flavor : {kSlow, kFast}) {
    const SentencePieceTokenizer tokenizer = golden_tokenizer("sd3", flavor);
    expect_error([&] { tokenizer.encode("a\xFF"); }, ErrorKind::kUsage, "0xFF at offset 1");
    expect_error([&] { tokenizer.tokenize("\xC3", 8); }, ErrorKind::kUsage, "UTF-8");
    expect_error([&] { tokenizer.tokenize("a", 1); }, ErrorKind::kModel, "at least 2");
    expect_error([&] { tokenizer.decode(std::vector<int64_t>{1600}); }, ErrorKind::kModel, "1600");
    expect_error([&] { tokenizer.decode(std::vector<int64_t>{-1}); }, ErrorKind::kModel, "-1");
  }
}

TEST(SentencePieceTokenizer, ServesSeveralThreads) {
  const SentencePieceTokenizer tokenizer = golden_tokenizer("hunyuan", kSlow);
  const auto strings = golden_strings();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = t; i < strings.size(); i += 4) {
        EXPECT_EQ(tokenizer.encode(strings[i].text), strings[i].ids[2]);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

/// A folder of the fixture after a change.
class BrokenT5Folder : public ::testing::Test {
 protected:
  explicit BrokenT5Folder(const char* name = "hunyuan") { write_folder(folder_, name); }

  /// What both classes say.
  void expect_refused(const std::string& part, const std::string& file = "spiece.model") const {
    for (const auto flavor : {kSlow, kFast}) {
      EXPECT_THAT(error_of([&] { SentencePieceTokenizer(folder_.path(), flavor); }),
                  AllOf(HasSubstr(file), HasSubstr(part)));
    }
  }

  TemporaryFolder folder_;
};

TEST_F(BrokenT5Folder, WithoutAModel) {
  fs::remove(folder_ / "spiece.model");
  expect_refused("missing");
}

TEST_F(BrokenT5Folder, ThatIsMissing) {
  expect_error([] { SentencePieceTokenizer("/nowhere/tokenizer_3"); }, ErrorKind::kModel,
               "/nowhere/tokenizer_3");
}

TEST_F(BrokenT5Folder, WithAnEmptyModel) {
  folder_.write("spiece.model", "");
  expect_refused("empty");
}

TEST_F(BrokenT5Folder, WithAPointerInPlaceOfTheModel) {
  folder_.write("spiece.model", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n");
  expect_refused("git-lfs pointer");
}

TEST_F(BrokenT5Folder, WithSomethingElseInPlaceOfTheModel) {
  folder_.write("spiece.model", "not found, sorry");
  expect_refused("SentencePiece model");
}

/// Wherever a file is cut, it is refused, or the library never sees it.
TEST_F(BrokenT5Folder, WithACutModel) {
  const std::string whole = spiece_model("bytes");
  const size_t bare = read_text(kData / "bytes.model").size();
  for (size_t size = 1; size < whole.size(); size += size < 300 ? 1 : size < bare ? 997 : 40'009) {
    if (size == bare) continue;  // whole but for the charsmap, which may be missing
    folder_.write("spiece.model", whole.substr(0, size));
    expect_refused("did not finish");
  }
}

TEST_F(BrokenT5Folder, WithAnotherAlgorithm) {
  folder_.write("spiece.model", spiece_model("bytes") + proto_field(2, "\x18\x02"));
  expect_refused("UNIGRAM");
}

TEST_F(BrokenT5Folder, WithAnUnknownPieceThatIsNone) {
  folder_.write("spiece.model", spiece_model("bytes") + proto_field(2, "\xC0\x02\x05"));
  expect_refused("unk_id");
}

TEST_F(BrokenT5Folder, WithACharsmapThatLeadsAstray) {
  for (size_t at : {0, 4, 5, 6, 1000, 150'001}) {
    std::string blob = charsmap();
    blob[at] = static_cast<char>(blob[at] ^ 0x7F);
    blob[at + 1] = static_cast<char>(blob[at + 1] ^ 0xFF);
    folder_.write("spiece.model",
                  read_text(kData / "bytes.model") + proto_field(3, proto_field(2, blob)));
    try {  // some changes only make another map
      SentencePieceTokenizer(folder_.path(), kSlow).encode("a \xEF\xBC\xA1 \xEF\xAC\x81 b");
      SentencePieceTokenizer(folder_.path(), kFast).encode("a \xEF\xBC\xA1 \xEF\xAC\x81 b");
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kModel);
      EXPECT_THAT(error.what(), HasSubstr("precompiled_charsmap"));
    }
  }
  folder_.write("spiece.model",
                read_text(kData / "bytes.model") + proto_field(3, proto_field(2, "abc")));
  expect_refused("precompiled_charsmap");
}

TEST_F(BrokenT5Folder, WithABadConfig) {
  const std::string file = "tokenizer_config.json";
  for (const auto& [config, part] :
       {std::pair(R"({"extra_ids": -1})", "'extra_ids'"),
        {R"({"extra_ids": "many"})", "'extra_ids'"},
        {R"({"legacy": 1})", "'legacy'"},
        {R"({"add_prefix_space": "yes"})", "'add_prefix_space'"},
        {R"({"sp_model_kwargs": {"enable_sampling": true}})", "'sp_model_kwargs'"},
        {R"({"padding_side": "left"})", "padding_side"},
        {R"({"additional_special_tokens": ["<extra_id_0>"]})", "'additional_special_tokens'"},
        {R"({"extra_ids": 1)", "breaks off"}}) {
    folder_.write(file, config);
    expect_refused(part, file);
  }
}

class BrokenTokenizerJson : public BrokenT5Folder {
 protected:
  BrokenTokenizerJson() : BrokenT5Folder("json_only") {}

  /// The file with one value replaced.
  void expect_refused_with(const char* pointer, const json& value, const std::string& part) const {
    json tree = json::parse(read_text(folder_ / "tokenizer.json"));
    tree[json::json_pointer(pointer)] = value;
    const TemporaryFolder changed;
    changed.write("tokenizer.json", tree.dump());
    EXPECT_THAT(error_of([&] { SentencePieceTokenizer(changed.path(), kFast); }),
                AllOf(HasSubstr("tokenizer.json"), HasSubstr(part)));
  }
};

TEST_F(BrokenTokenizerJson, IsRefusedByPlace) {
  expect_refused_with("/model/type", "WordPiece", "model.type");
  expect_refused_with("/model/vocab", json::array(), "model.vocab");
  expect_refused_with("/model/vocab/7", {"a"}, "[text, score]");
  expect_refused_with("/model/unk_id", 99999, "unk_id");
  expect_refused_with("/model/unk_id", nullptr, "unk_id");
  expect_refused_with("/normalizer", {{"type", "Lowercase"}}, "Lowercase");
  expect_refused_with("/normalizer/normalizers/0/precompiled_charsmap", "a%c", "base64");
  expect_refused_with("/normalizer/normalizers/0/precompiled_charsmap", "AAAA", "sizes");
  expect_refused_with("/normalizer/normalizers/2/pattern", {{"String", "x"}}, "Replace");
  expect_refused_with("/pre_tokenizer", {{"type", "ByteLevel"}}, "ByteLevel");
  expect_refused_with("/pre_tokenizer", nullptr, "pre_tokenizer");
  expect_refused_with("/pre_tokenizer/replacement", "_", "replacement");
  expect_refused_with("/pre_tokenizer/prepend_scheme", "maybe", "prepend_scheme");
  expect_refused_with("/decoder", {{"type", "WordPiece"}}, "decoder");
  expect_refused_with("/post_processor", nullptr, "post_processor");
  expect_refused_with("/post_processor/single", json::array(), "post_processor.single");
  expect_refused_with("/post_processor/special_tokens", json::object(), "</s>");
  expect_refused_with("/padding", {{"direction", "Left"}}, "padding");
}

}  // namespace
}  // namespace sd
