#include "text/tokenizer_json.h"

#include <charconv>

#include "core/check.h"
#include "core/model_file.h"
#include "core/model_json.h"

namespace sd {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr size_t kUsualVocabulary = 49408;

void insert_token(const fs::path& path, Vocabulary& vocabulary, std::string_view token,
                  uint64_t id) {
  SD_CHECK(id <= Vocabulary::kMaxId, ErrorKind::kModel, path.string(), ": the id of token \"",
           token, "\" must be at most ", Vocabulary::kMaxId, ", but it is ", id);
  switch (vocabulary.insert(token, static_cast<int32_t>(id))) {
    case Vocabulary::Inserted::kYes: return;
    case Vocabulary::Inserted::kTokenThere:
      fail(ErrorKind::kModel, path.string(), ": token \"", token,
           "\" must stand once in the vocabulary, but it stands there twice");
    case Vocabulary::Inserted::kIdThere:
      fail(ErrorKind::kModel, path.string(), ": every id must have one token, but ", id,
           " is the id of both \"", *vocabulary.token(static_cast<int64_t>(id)), "\" and \"", token,
           "\"");
  }
}

/// Common to both readers: where JSON ends, and what no vocabulary may hold.
class Reader : public nlohmann::json_sax<json> {
 public:
  explicit Reader(fs::path path) : path_(std::move(path)), text_(read_model_text(path_)) {}

  void run() { json::sax_parse(text_, this); }

  bool parse_error(size_t position, const std::string&, const json::exception&) override {
    fail_broken_json(path_.string(), position, text_.size());
  }
  bool binary(json::binary_t&) override { return unexpected("binary data"); }

 protected:
  bool unexpected(const char* found) const {
    fail(ErrorKind::kModel, path_.string(), ": the vocabulary must map tokens to ids, but \"", key_,
         "\" has ", found);
  }

  fs::path path_;
  std::string key_;

 private:
  std::string text_;
};

class VocabReader : public Reader {
 public:
  using Reader::Reader;

  Vocabulary vocabulary;

  bool null() override { return unexpected("null"); }
  bool boolean(bool) override { return unexpected("true or false"); }
  bool number_integer(number_integer_t) override { return unexpected("a negative number"); }
  bool number_unsigned(number_unsigned_t id) override {
    if (!inside_) return unexpected("a number in place of the table");
    insert_token(path_, vocabulary, key_, id);
    return true;
  }
  bool number_float(number_float_t, const string_t&) override {
    return unexpected("a number that is not whole");
  }
  bool string(string_t&) override { return unexpected("a string"); }
  bool start_object(size_t) override {
    if (inside_) return unexpected("an object");
    vocabulary.reserve(kUsualVocabulary);
    return inside_ = true;
  }
  bool key(string_t& key) override {
    key_.swap(key);
    return true;
  }
  bool end_object() override { return true; }
  bool start_array(size_t) override { return unexpected("a list"); }
  bool end_array() override { return true; }

 private:
  bool inside_ = false;
};

/// Puts model.vocab and model.merges into tables as they come, everything else into a tree.
class TokenizerJsonReader : public Reader {
 public:
  using Reader::Reader;

  TokenizerJson file;

  bool null() override { return value(nullptr); }
  bool boolean(bool x) override { return value(x); }
  bool number_integer(number_integer_t x) override { return value(x); }
  bool number_float(number_float_t x, const string_t&) override { return value(x); }
  bool number_unsigned(number_unsigned_t x) override {
    if (table_ != Table::kVocab) return value(x);
    insert_token(path_, file.vocabulary, key_, x);
    return true;
  }
  bool string(string_t& x) override {
    if (table_ != Table::kMerges) return value(std::move(x));
    if (in_pair_) {
      pair_.push_back(std::move(x));
    } else {
      const size_t gap = x.find(' ');
      if (gap == x.npos || x.find(' ', gap + 1) != x.npos) bad_merge(x);
      file.merges.emplace_back(x.substr(0, gap), x.substr(gap + 1));
    }
    return true;
  }
  bool key(string_t& key) override {
    key_.swap(key);
    return true;
  }
  bool start_object(size_t) override {
    if (table_ == Table::kTree && in_model() && key_ == "vocab") {
      file.vocabulary.reserve(kUsualVocabulary);
      table_ = Table::kVocab;
      return true;
    }
    return open(json::object());
  }
  bool end_object() override { return close(); }
  bool start_array(size_t) override {
    if (table_ == Table::kTree && in_model() && key_ == "merges") {
      file.merges.reserve(kUsualVocabulary);
      table_ = Table::kMerges;
      return true;
    }
    if (table_ == Table::kMerges && !in_pair_) {
      pair_.clear();
      return in_pair_ = true;
    }
    return open(json::array());
  }
  bool end_array() override {
    if (table_ == Table::kMerges && in_pair_) {
      if (pair_.size() != 2) bad_merge(json(pair_).dump());
      file.merges.emplace_back(std::move(pair_[0]), std::move(pair_[1]));
      in_pair_ = false;
      return true;
    }
    return close();
  }

 private:
  enum class Table { kTree, kVocab, kMerges };

  bool in_model() const { return path_to_.size() == 2 && path_to_[1] == "model"; }

  [[noreturn]] void bad_merge(const std::string& found) const {
    fail(ErrorKind::kModel, path_.string(), ": a merge must hold two tokens, but one is ", found);
  }

  bool value(json x) {
    if (table_ == Table::kVocab) return unexpected(x.type_name());
    if (table_ == Table::kMerges) bad_merge(x.dump());
    place(std::move(x));
    return true;
  }

  json* place(json x) {
    if (open_.empty()) return &(file.rest = std::move(x));
    json& parent = *open_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(x));
      return &parent.back();
    }
    return &(parent[key_] = std::move(x));
  }

  bool open(json x) {
    if (table_ == Table::kVocab) return unexpected(x.type_name());
    if (table_ == Table::kMerges) bad_merge("an object or a list of lists");
    SD_CHECK(open_.size() < kMaxJsonDepth, ErrorKind::kModel, path_.string(),
             ": the JSON is nested too deeply");
    path_to_.push_back(key_);
    open_.push_back(place(std::move(x)));
    return true;
  }

  bool close() {
    if (table_ != Table::kTree) {
      table_ = Table::kTree;
      return true;
    }
    open_.pop_back();
    path_to_.pop_back();
    return true;
  }

  Table table_ = Table::kTree;
  bool in_pair_ = false;
  std::vector<std::string> pair_;
  std::vector<json*> open_;           // containers that are not closed, outermost first
  std::vector<std::string> path_to_;  // their keys
};

/// Checks one entry of a tokenizer.json; `where` is its place in the file.
void expect(const fs::path& path, const std::string& where, const json& found,
            const json& expected) {
  SD_CHECK(found == expected, ErrorKind::kModel, path.string(), ": ", where,
           " of a CLIP tokenizer must be ", expected.dump(), ", but it is ", found.dump());
}

json at(const json& root, const char* pointer) {
  const json::json_pointer place(pointer);
  return root.contains(place) ? root.at(place) : json();
}

ClipPattern pattern_of(const fs::path& path, const json& split) {
  const std::string common = R"('s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+)";
  const json pattern = at(split, "/pattern/Regex");
  if (pattern == R"(<\|startoftext\|>|<\|endoftext\|>|)" + common)
    return ClipPattern::kWithSpecials;
  expect(path, "the pattern", pattern, common);
  return ClipPattern::kPlain;
}

/// One side of a RobertaProcessing: [token, id].
int32_t processor_id(const fs::path& path, const json& rest, const char* side) {
  const json pair = at(rest, (std::string("/post_processor/") + side).c_str());
  SD_CHECK(pair.is_array() && pair.size() == 2 && pair[0].is_string(), ErrorKind::kModel,
           path.string(), ": post_processor.", side, " must be [token, id], but it is ",
           pair.dump());
  return token_id_of(path, pair[0].get<std::string>(), pair[1]);
}

}  // namespace

json read_json_object(const fs::path& path) {
  return parse_json_object(read_model_text(path), path.string());
}

Vocabulary read_vocab_json(const fs::path& path) {
  VocabReader reader(path);
  reader.run();
  return std::move(reader.vocabulary);
}

TokenizerJson read_tokenizer_json(const fs::path& path) {
  TokenizerJsonReader reader(path);
  reader.run();
  TokenizerJson file = std::move(reader.file);
  SD_CHECK(file.rest.is_object(), ErrorKind::kModel, path.string(),
           ": expected an object, but it holds ", file.rest.type_name());
  const json added = file.rest.value("added_tokens", json::array());
  SD_CHECK(added.is_array(), ErrorKind::kModel, path.string(),
           ": added_tokens must be a list, but it is ", added.type_name());
  for (const json& token : added) {
    AddedToken parsed = added_token_of(path, token);
    const int32_t id = token_id_of(path, parsed.content, token.value("id", json()));
    file.added.emplace_back(id, std::move(parsed));
  }
  return file;
}

FastTokenizerPart fast_part_of(const fs::path& path, const TokenizerJson& file) {
  const json& rest = file.rest;
  expect(path, "model.type", at(rest, "/model/type"), "BPE");
  expect(path, "model.end_of_word_suffix", at(rest, "/model/end_of_word_suffix"), "</w>");
  for (const char* key :
       {"continuing_subword_prefix", "dropout", "ignore_merges", "fuse_unk", "byte_fallback"}) {
    const json value = at(rest, (std::string("/model/") + key).c_str());
    SD_CHECK(value.is_null() || value == "" || value == false || value == 0.0, ErrorKind::kModel,
             path.string(), ": model.", key, " of a CLIP tokenizer must be off, but it is ",
             value.dump());
  }
  const json clip_normalizer = {
      {{"type", "NFC"}},
      {{"type", "Replace"}, {"pattern", {{"Regex", "\\s+"}}}, {"content", " "}},
      {{"type", "Lowercase"}}};
  expect(path, "normalizer.normalizers", at(rest, "/normalizer/normalizers"), clip_normalizer);
  const json steps = at(rest, "/pre_tokenizer/pretokenizers");
  SD_CHECK(steps.is_array() && steps.size() == 2, ErrorKind::kModel, path.string(),
           ": pre_tokenizer.pretokenizers of a CLIP tokenizer must be Split and ByteLevel, but it "
           "is ",
           steps.dump());
  expect(path, "the first pre-tokenizer", at(steps[0], "/type"), "Split");
  expect(path, "behavior", at(steps[0], "/behavior"), "Removed");
  expect(path, "invert", at(steps[0], "/invert"), true);
  expect(path, "the second pre-tokenizer", at(steps[1], "/type"), "ByteLevel");
  expect(path, "add_prefix_space", at(steps[1], "/add_prefix_space"), false);
  expect(path, "use_regex", steps[1].value("use_regex", json(true)), true);
  expect(path, "post_processor.type", at(rest, "/post_processor/type"), "RobertaProcessing");
  for (const char* side : {"/padding/direction", "/truncation/direction"}) {
    const json direction = at(rest, side);
    if (!direction.is_null()) expect(path, side + 1, direction, "Right");
  }
  FastTokenizerPart part;
  part.added = file.added;
  part.pattern = pattern_of(path, steps[0]);
  part.bos_id = processor_id(path, rest, "cls");
  part.eos_id = processor_id(path, rest, "sep");
  if (const json unk = at(rest, "/model/unk_token"); unk.is_string()) {
    part.unk_id = file.vocabulary.find(unk.get<std::string>());
  }
  return part;
}

AddedToken added_token_of(const fs::path& path, const json& value) {
  SD_CHECK(value.is_object() && value.contains("content") && value["content"].is_string(),
           ErrorKind::kModel, path.string(),
           ": a token must be a string or an object with \"content\", but it is ", value.dump());
  AddedToken token{.content = value["content"].get<std::string>()};
  const auto flag = [&](const char* key, bool otherwise) {
    const json found = value.value(key, json());
    return found.is_boolean() ? found.get<bool>() : otherwise;
  };
  token.single_word = flag("single_word", false);
  token.lstrip = flag("lstrip", false);
  token.rstrip = flag("rstrip", false);
  token.special = flag("special", false);
  token.normalized = flag("normalized", !token.special);
  return token;
}

int32_t token_id_of(const fs::path& path, std::string_view content, const json& id) {
  SD_CHECK(id.is_number_unsigned() && id.get<uint64_t>() <= Vocabulary::kMaxId, ErrorKind::kModel,
           path.string(), ": the id of token \"", content, "\" must be a whole number up to ",
           Vocabulary::kMaxId, ", but it is ", id.dump());
  return id.get<int32_t>();
}

int32_t token_id_of_key(const fs::path& path, const std::string& key) {
  int32_t id = -1;
  const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
  SD_CHECK(
      error == std::errc() && end == key.data() + key.size() && id >= 0 && id <= Vocabulary::kMaxId,
      ErrorKind::kModel, path.string(), ": a key of added_tokens_decoder must be an id up to ",
      Vocabulary::kMaxId, ", but one is \"", key, "\"");
  return id;
}

void add_merge(const fs::path& path, const Vocabulary& vocabulary, std::string_view left,
               std::string_view right, Bpe& bpe) {
  const auto id_of = [&](std::string_view token) {
    const auto id = vocabulary.find(token);
    SD_CHECK(id, ErrorKind::kModel, path.string(), ": token \"", token, "\" of merge \"", left, " ",
             right, "\" must be in the vocabulary, but it is not");
    return *id;
  };
  const int32_t left_id = id_of(left), right_id = id_of(right);
  std::string merged;
  merged.reserve(left.size() + right.size());
  merged.append(left).append(right);
  bpe.add_merge(left_id, right_id, id_of(merged));
}

}  // namespace sd
