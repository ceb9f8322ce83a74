#include "text/wordpiece_files.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/check.h"
#include "core/model_file.h"
#include "text/tokenizer_json.h"
#include "text/unicode.h"
#include "text/wordpiece.h"

namespace sd {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// What BertTokenizer takes where no file names a token.
const DefaultTokens& default_tokens() {
  static const DefaultTokens tokens = {{"unk_token", "[UNK]"},
                                       {"sep_token", "[SEP]"},
                                       {"pad_token", "[PAD]"},
                                       {"cls_token", "[CLS]"},
                                       {"mask_token", "[MASK]"}};
  return tokens;
}

/// The lines of a file as Python reads them: "\n", "\r\n" and "\r" end one.
std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find_first_of("\r\n"), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end);
    if (text.starts_with("\r\n")) text.remove_prefix(1);
    if (!text.empty()) text.remove_prefix(1);
  }
  return lines;
}

/// vocab.txt: a token a line, its number from 0 on is the id.
Vocabulary read_vocab_txt(const fs::path& path) {
  const std::string text = read_model_text(path);
  const std::vector<std::string_view> lines = lines_of(text);
  SD_CHECK(lines.size() <= size_t{Vocabulary::kMaxId} + 1, ErrorKind::kModel, path.string(),
           ": expected at most ", Vocabulary::kMaxId + 1, " lines, found ", lines.size());
  std::unordered_map<std::string_view, size_t> last;
  for (size_t i = 0; i < lines.size(); ++i) {
    SD_CHECK(repair_utf8(lines[i]) == lines[i], ErrorKind::kModel, path.string(), ": line ", i + 1,
             " should be a token in UTF-8, but it has other bytes");
    last[lines[i]] = i;
  }
  Vocabulary vocabulary;
  vocabulary.reserve(lines.size());
  for (size_t i = 0; i < lines.size(); ++i) {
    if (last.at(lines[i]) == i) vocabulary.insert(lines[i], static_cast<int32_t>(i));
  }
  return vocabulary;
}

/// tokenizer_config.json, asked for what BertTokenizer's parameters are.
class ConfigSwitches {
 public:
  explicit ConfigSwitches(const fs::path& folder)
      : path_(folder / "tokenizer_config.json"),
        config_(is_there(path_) ? read_json_object(path_) : json::object()) {}

  bool has(const char* key) const { return config_.contains(key); }

  /// False where the value is null, as in Python.
  bool get(const char* key, bool otherwise) const {
    return has(key) ? find(key).value_or(false) : otherwise;
  }

  std::optional<bool> find(const char* key) const {
    const json value = config_.value(key, json());
    SD_CHECK(value.is_boolean() || value.is_null(), ErrorKind::kModel, path_.string(), ": '", key,
             "' should be true or false, found ", value.dump());
    return value.is_null() ? std::nullopt : std::optional(value.get<bool>());
  }

  std::set<std::u32string> words(const char* key) const {
    const json value = config_.value(key, json());
    const bool fits =
        value.is_null() ||
        (value.is_array() && std::all_of(value.begin(), value.end(),
                                         [](const json& word) { return word.is_string(); }));
    SD_CHECK(fits, ErrorKind::kModel, path_.string(), ": '", key,
             "' should be a list of words, found ", value.dump());
    std::set<std::u32string> words;
    for (const json& word : value) words.insert(decode_utf8(word.get_ref<const std::string&>()));
    return words;
  }

 private:
  fs::path path_;
  json config_;
};

/// A tokenizer.json, asked for what a BERT has.
class WordPieceJsonReader {
 public:
  WordPieceJsonReader(const fs::path& path, const json& rest) : path_(path), rest_(rest) {}

  void read(FastWordPiecePart& part) const {
    read_model(part);
    read_normalizer(part);
    expect("pre_tokenizer.type", "/pre_tokenizer/type", "BertPreTokenizer");
    read_frame(part);
    read_decoder(part);
    for (const char* side : {"/padding/direction", "/truncation/direction"}) {
      if (!at(side).is_null()) expect(side + 1, side, "Right");
    }
  }

 private:
  json at(const std::string& pointer) const {
    const json::json_pointer place(pointer);
    return rest_.contains(place) ? rest_.at(place) : json();
  }

  void expect(const std::string& where, const std::string& pointer, const json& expected) const {
    SD_CHECK(at(pointer) == expected, ErrorKind::kModel, path_.string(), ": ", where,
             " of a BERT tokenizer must be ", expected.dump(), ", but it is ", at(pointer).dump());
  }

  void read_model(FastWordPiecePart& part) const {
    expect("model.type", "/model/type", "WordPiece");
    expect("model.continuing_subword_prefix", "/model/continuing_subword_prefix", "##");
    const json longest = at("/model/max_input_chars_per_word");
    SD_CHECK(longest.is_number_unsigned(), ErrorKind::kModel, path_.string(),
             ": model.max_input_chars_per_word must be a whole number, but it is ", longest.dump());
    part.longest_word = longest.get<size_t>();
    const json unk = at("/model/unk_token");
    SD_CHECK(unk.is_string(), ErrorKind::kModel, path_.string(),
             ": model.unk_token must be a token, but it is ", unk.dump());
    part.unk_token = unk.get<std::string>();
  }

  void read_normalizer(FastWordPiecePart& part) const {
    expect("normalizer.type", "/normalizer/type", "BertNormalizer");
    const auto flag = [&](const std::string& key) {
      const json value = at("/normalizer/" + key);
      SD_CHECK(value.is_boolean(), ErrorKind::kModel, path_.string(), ": normalizer.", key,
               " must be true or false, but it is ", value.dump());
      return value.get<bool>();
    };
    part.tokens.cleans = flag("clean_text");
    part.tokens.chinese_chars = flag("handle_chinese_chars");
    part.tokens.lower_case = flag("lowercase");
    if (!at("/normalizer/strip_accents").is_null()) part.tokens.accents = flag("strip_accents");
  }

  void read_frame(FastWordPiecePart& part) const {
    if (at("/post_processor/type") == "BertProcessing") {
      part.cls_id = pair_id("cls");
      part.sep_id = pair_id("sep");
      return;
    }
    expect("post_processor.type", "/post_processor/type", "TemplateProcessing");
    const json single = at("/post_processor/single");
    const json cls = at("/post_processor/single/0/SpecialToken/id");
    const json sep = at("/post_processor/single/2/SpecialToken/id");
    SD_CHECK(single.is_array() && single.size() == 3 && cls.is_string() && sep.is_string() &&
                 at("/post_processor/single/1/Sequence/id") == "A",
             ErrorKind::kModel, path_.string(),
             ": post_processor.single of a BERT tokenizer must be a token, the text and a token, "
             "but it is ",
             single.dump());
    part.cls_id = template_id(cls.get<std::string>());
    part.sep_id = template_id(sep.get<std::string>());
  }

  /// One side of a BertProcessing: [token, id].
  int32_t pair_id(const char* side) const {
    const json pair = at(std::string("/post_processor/") + side);
    SD_CHECK(pair.is_array() && pair.size() == 2 && pair[0].is_string(), ErrorKind::kModel,
             path_.string(), ": post_processor.", side, " must be [token, id], but it is ",
             pair.dump());
    return token_id_of(path_, pair[0].get<std::string>(), pair[1]);
  }

  int32_t template_id(const std::string& name) const {
    const json tokens = at("/post_processor/special_tokens");
    const json entry = tokens.is_object() ? tokens.value(name, json()) : json();
    const json ids = entry.is_object() ? entry.value("ids", json()) : json();
    SD_CHECK(ids.is_array() && ids.size() == 1, ErrorKind::kModel, path_.string(),
             ": post_processor.special_tokens must give one id for \"", name, "\", but it gives ",
             ids.dump());
    return token_id_of(path_, name, ids[0]);
  }

  void read_decoder(FastWordPiecePart& part) const {
    using Decoder = FastWordPiecePart::Decoder;
    if (at("/decoder").is_null()) {
      part.decoder = Decoder::kNone;
      return;
    }
    expect("decoder.type", "/decoder/type", "WordPiece");
    expect("decoder.prefix", "/decoder/prefix", "##");
    part.decoder = at("/decoder/cleanup") == true ? Decoder::kCleaning : Decoder::kPlain;
  }

  const fs::path& path_;
  const json& rest_;
};

}  // namespace

WordPieceFiles read_wordpiece_files(const fs::path& folder, std::optional<WordPieceFlavor> flavor) {
  const fs::path lines = folder / "vocab.txt", all = folder / "tokenizer.json";
  check_model_folder(folder);
  const bool only_json = is_there(all) && !is_there(lines);
  WordPieceFiles files;
  files.flavor = only_json ? WordPieceFlavor::kFast : flavor.value_or(WordPieceFlavor::kSlow);
  const bool fast = files.flavor == WordPieceFlavor::kFast;
  const bool reads_json = fast && is_there(all);
  files.vocabulary_file = reads_json ? all : lines;
  if (reads_json) {
    TokenizerJson file = read_tokenizer_json(all);
    WordPieceJsonReader(all, file.rest).read(files.fast);
    files.vocabulary = std::move(file.vocabulary);
    files.fast.added = std::move(file.added);
    files.config = read_tokenizer_config(folder, default_tokens(), files.fast.added);
  } else {
    files.vocabulary = read_vocab_txt(lines);
    files.config = read_tokenizer_config(folder, default_tokens(), std::nullopt);
    files.fast.longest_word = WordPiece::kUsualLongestWord;
    const SpecialToken* unk = files.config.find("unk_token");
    files.fast.unk_token = unk ? unk->token.content : "";
  }
  const ConfigSwitches switches(folder);
  files.text.lower_case = switches.get("do_lower_case", true);
  files.text.chinese_chars = switches.get("tokenize_chinese_chars", true);
  files.text.accents = switches.find("strip_accents");
  files.slow.splits_words = switches.get("do_basic_tokenize", true);
  files.slow.never_split = switches.words("never_split");
  if (reads_json) {
    files.text.cleans = files.fast.tokens.cleans;
  } else if (files.slow.splits_words) {
    files.fast.tokens = files.text;
  } else {  // what a BertTokenizer without BasicTokenizer is converted to
    files.fast.tokens = {.lower_case = false, .chinese_chars = false, .accents = false};
  }
  // A parameter of BertTokenizer that is true by default, which the conversion hands on.
  if (!switches.has("clean_up_tokenization_spaces")) files.config.clean_up_spaces = !reads_json;
  return files;
}

}  // namespace sd
