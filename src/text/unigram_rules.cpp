#include "text/unigram_rules.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "core/check.h"
#include "text/tokenizer_json.h"
#include "text/unicode.h"

namespace sd {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kSpaceMark = "▁";

/// Errors: kModel for what is no base64 (RFC 4648, section 4).
std::string decode_base64(std::string_view text, const std::string& where) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::array<int, 256> digit_of{};
  digit_of.fill(-1);
  for (size_t i = 0; i < kDigits.size(); ++i) {
    digit_of[static_cast<uint8_t>(kDigits[i])] = static_cast<int>(i);
  }
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text.substr(0, text.find('='))) {
    const int digit = digit_of[static_cast<uint8_t>(c)];
    SD_CHECK(digit >= 0, ErrorKind::kModel, where,
             ": precompiled_charsmap must be base64, but it has other characters");
    bits = bits << 6 | static_cast<uint32_t>(digit);
    if (++count % 4 != 1) bytes.push_back(static_cast<char>(bits >> (4 - count % 4) * 2 % 8));
  }
  return bytes;
}

/// In tokenizers all pieces have a say in how low an unknown character is, special ones, too.
double unk_score(const std::vector<ScoredPiece>& pieces) {
  double least = pieces.front().score;
  for (const ScoredPiece& piece : pieces) least = std::min(least, piece.score);
  return least - Unigram::kUnkPenalty;
}

/// A tokenizer.json, asked for what a T5 has.
class RulesReader {
 public:
  explicit RulesReader(const fs::path& path) : path_(path), file_(read_tokenizer_json(path)) {}

  UnigramRules read() {
    rules_.added = std::move(file_.added);
    read_model();
    read_normalizer(at("/normalizer"));
    read_pre_tokenizer(at("/pre_tokenizer"));
    read_decoder(at("/decoder"));
    read_post_processor();
    for (const char* side : {"/padding/direction", "/truncation/direction"}) {
      const json direction = at(side);
      if (!direction.is_null()) expect(side + 1, direction, "Right");
    }
    return std::move(rules_);
  }

 private:
  json at(const char* pointer) const {
    const json::json_pointer place(pointer);
    return file_.rest.contains(place) ? file_.rest.at(place) : json();
  }

  void expect(const std::string& where, const json& found, const json& expected) const {
    SD_CHECK(found == expected, ErrorKind::kModel, path_.string(), ": ", where,
             " of a T5 tokenizer must be ", expected.dump(), ", but it is ", found.dump());
  }

  void read_model() {
    expect("model.type", at("/model/type"), "Unigram");
    const json::json_pointer place("/model/vocab");
    SD_CHECK(file_.rest.contains(place) && file_.rest.at(place).is_array() &&
                 !file_.rest.at(place).empty(),
             ErrorKind::kModel, path_.string(),
             ": model.vocab of a T5 tokenizer must be a list of pieces with their scores");
    json& vocabulary = file_.rest.at(place);
    rules_.parts.pieces.reserve(vocabulary.size());
    for (json& piece : vocabulary) {
      SD_CHECK(
          piece.is_array() && piece.size() == 2 && piece[0].is_string() && piece[1].is_number(),
          ErrorKind::kModel, path_.string(),
          ": a piece of model.vocab must be [text, score], but one is ", piece.dump());
      rules_.parts.pieces.push_back(
          {std::move(piece[0].get_ref<std::string&>()), piece[1].get<double>()});
    }
    vocabulary.clear();
    rules_.parts.unk_score = unk_score(rules_.parts.pieces);
    rules_.parts.unk_id = token_id_of(path_, "unk_id", at("/model/unk_id"));
    SD_CHECK(rules_.parts.unk_id < static_cast<int64_t>(rules_.parts.pieces.size()),
             ErrorKind::kModel, path_.string(), ": model.unk_id must be one of ",
             rules_.parts.pieces.size(), " pieces, but it is ", rules_.parts.unk_id);
    const bool bytes = at("/model/byte_fallback") == json(true);
    rules_.parts.fallback = bytes ? ByteFallback::kYes : ByteFallback::kNo;
  }

  void read_normalizer(const json& step) {
    using Normalizer = UnigramRules::Normalizer;
    if (step.is_null()) return;
    const json type = step.is_object() ? step.value("type", json()) : json();
    if (type == "Sequence" && step.contains("normalizers")) {
      for (const json& part : step["normalizers"]) read_normalizer(part);
    } else if (type == "Precompiled") {
      const json blob = step.value("precompiled_charsmap", json());
      SD_CHECK(blob.is_string() && !rules_.charsmap, ErrorKind::kModel, path_.string(),
               ": one precompiled_charsmap must be there, as base64");
      rules_.charsmap.emplace(decode_base64(blob.get_ref<const std::string&>(), path_.string()),
                              path_.string());
      rules_.normalizers.push_back(Normalizer::kCharsmap);
    } else if (type == "Strip") {
      if (step.value("strip_left", json()) == true) {
        rules_.normalizers.push_back(Normalizer::kStripLeft);
      }
      if (step.value("strip_right", json()) == true) {
        rules_.normalizers.push_back(Normalizer::kStripRight);
      }
    } else if (type == "Replace") {
      expect("the pattern of the normalizer Replace", step.value("pattern", json()),
             {{"Regex", " {2,}"}});
      const json content = step.value("content", json());
      SD_CHECK(content.is_string() && rules_.joined.empty(), ErrorKind::kModel, path_.string(),
               ": the normalizer Replace must be there once, with a text for several spaces");
      rules_.joined = decode_utf8(content.get_ref<const std::string&>());
      rules_.normalizers.push_back(Normalizer::kJoinSpaces);
    } else {
      fail(
          ErrorKind::kModel, path_.string(),
          ": the normalizers of a T5 tokenizer must be Precompiled, Strip and Replace, but one is ",
          type.dump());
    }
  }

  void read_pre_tokenizer(const json& step) {
    const json type = step.is_object() ? step.value("type", json()) : json();
    if (type == "Sequence" && step.contains("pretokenizers") && step["pretokenizers"].size() == 2 &&
        step["pretokenizers"].is_array() && step["pretokenizers"][0].is_object()) {
      expect("the first pre-tokenizer", step["pretokenizers"][0].value("type", json()),
             "WhitespaceSplit");
      rules_.split_white_space = true;
      read_metaspace("the second pre-tokenizer", step["pretokenizers"][1]);
    } else {
      read_metaspace("pre_tokenizer", step);
    }
  }

  void read_metaspace(const std::string& where, const json& step) {
    rules_.prefix = prefix_of(where, step);
    const bool cut = step.value("split", json(true)) != json(false);
    rules_.words = cut ? UnigramRules::Words::kAtSpaces : UnigramRules::Words::kWhole;
  }

  /// `prepend_scheme` or, in older files, `add_prefix_space`.
  PrefixSpace prefix_of(const std::string& where, const json& step) const {
    expect(where, step.is_object() ? step.value("type", json()) : step, "Metaspace");
    expect("the replacement of " + where, step.value("replacement", json()), kSpaceMark);
    const json scheme = step.value("prepend_scheme", json());
    if (scheme == "first") return PrefixSpace::kFirst;
    if (scheme == "never") return PrefixSpace::kNever;
    if (scheme.is_null() && step.value("add_prefix_space", json()) == json(false)) {
      return PrefixSpace::kNever;
    }
    if (!scheme.is_null()) expect("prepend_scheme of " + where, scheme, "always");
    return PrefixSpace::kAlways;
  }

  void read_decoder(const json& step) {
    rules_.decode_drops_prefix = prefix_of("decoder", step) != PrefixSpace::kNever;
  }

  /// TemplateProcessing: the text, then one special token.
  void read_post_processor() {
    expect("post_processor.type", at("/post_processor/type"), "TemplateProcessing");
    const json single = at("/post_processor/single");
    const json token = at("/post_processor/single/1/SpecialToken/id");
    SD_CHECK(single.is_array() && single.size() == 2 &&
                 at("/post_processor/single/0/Sequence/id") == "A" && token.is_string(),
             ErrorKind::kModel, path_.string(),
             ": post_processor.single of a T5 tokenizer must be the text and one token, but it is ",
             single.dump());
    const auto name = token.get<std::string>();
    const json tokens = at("/post_processor/special_tokens");
    const json entry = tokens.is_object() ? tokens.value(name, json()) : json();
    const json ids = entry.is_object() ? entry.value("ids", json()) : json();
    SD_CHECK(ids.is_array() && ids.size() == 1, ErrorKind::kModel, path_.string(),
             ": post_processor.special_tokens must give one id for \"", name, "\", but it gives ",
             ids.dump());
    rules_.eos_id = token_id_of(path_, name, ids[0]);
  }

  const fs::path& path_;
  TokenizerJson file_;
  UnigramRules rules_;
};

}  // namespace

UnigramRules read_unigram_rules(const fs::path& path) { return RulesReader(path).read(); }

UnigramRules convert_spiece_model(const fs::path& path, SpieceModel model, int64_t extra_ids,
                                  PrefixSpace prefix) {
  using Normalizer = UnigramRules::Normalizer;
  using Type = SpieceModel::Piece::Type;
  constexpr const char* kEnd = "</s>";
  UnigramRules rules;
  rules.parts.unk_id = model.unk_id;
  rules.prefix = prefix;
  rules.decode_drops_prefix = prefix != PrefixSpace::kNever;
  rules.eos_id = model.unk_id;  // what an unknown token has
  for (SpieceModel::Piece& piece : model.pieces) {
    const auto id = static_cast<int32_t>(rules.parts.pieces.size());
    const bool control = piece.type == Type::kControl;
    if (control || piece.type == Type::kUserDefined) {
      rules.added.emplace_back(
          id, AddedToken{.content = piece.text, .normalized = false, .special = control});
    }
    if (piece.text == kEnd) rules.eos_id = id;
    rules.parts.pieces.push_back({std::move(piece.text), piece.score});
  }
  for (int64_t i = extra_ids; i-- > 0;) {
    rules.parts.pieces.push_back({concat_text("<extra_id_", i, ">"), 0});
  }
  rules.parts.unk_score = unk_score(rules.parts.pieces);
  if (!model.charsmap.empty()) {
    rules.charsmap.emplace(model.charsmap, path.string());
    rules.normalizers.push_back(Normalizer::kCharsmap);
  }
  rules.normalizers.insert(rules.normalizers.end(),
                           {Normalizer::kStripRight, Normalizer::kJoinSpaces});
  rules.joined = decode_utf8(kSpaceMark);
  return rules;
}

}  // namespace sd
