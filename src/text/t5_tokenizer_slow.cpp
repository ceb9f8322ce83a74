#include <algorithm>
#include <limits>
#include <sentencepiece_processor.h>

#include "core/check.h"
#include "core/model_file.h"
#include "text/charsmap.h"
#include "text/decoded_text.h"
#include "text/resolve_tokens.h"
#include "text/spiece_model.h"
#include "text/t5_tokenizer_files.h"
#include "text/t5_tokenizers.h"
#include "text/unicode.h"
#include "text/unigram.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSpaceMark = "▁";

/// The pieces as sentencepiece 0.2.3 scores them: only normal ones have a say in how low an unknown
/// character is, and user-defined ones are above all of them, the longer the more.
UnigramParts parts_of(const SpieceModel& model) {
  using Type = SpieceModel::Piece::Type;
  float least = std::numeric_limits<float>::max();
  for (const SpieceModel::Piece& piece : model.pieces) {
    if (piece.type == Type::kNormal) least = std::min(least, piece.score);
  }
  UnigramParts parts;
  parts.unk_id = model.unk_id;
  parts.unk_score = least - static_cast<float>(Unigram::kUnkPenalty);
  parts.fallback = model.byte_fallback ? ByteFallback::kYes : ByteFallback::kNo;
  parts.sums = UnigramParts::Sums::kFloat32;
  for (const SpieceModel::Piece& piece : model.pieces) {
    const bool defined = piece.type == Type::kUserDefined;
    const auto lifted = static_cast<float>(0.1 * static_cast<double>(piece.text.size()) - 0.1);
    parts.pieces.push_back(
        {piece.text, defined ? lifted : piece.score, defined || piece.type == Type::kNormal});
  }
  return parts;
}

/// The end of a serialized ModelProto that sets normalizer_spec.add_dummy_prefix to false: parts
/// that are given twice are merged (protobuf.dev, "Encoding").
constexpr std::string_view kNoDummyPrefix{"\x1A\x02\x18\x00", 4};

class SlowT5Tokenizer : public T5TokenizerClass {
 public:
  explicit SlowT5Tokenizer(const fs::path& folder) : folder_(folder) {
    const fs::path path = folder / "spiece.model";
    const std::string bytes = read_model_text(path);
    const SpieceModel model = parse_spiece_model(path, bytes);
    unigram_.emplace(parts_of(model));
    if (!model.charsmap.empty()) Charsmap(model.charsmap, path.string());
    const auto pieces = static_cast<int64_t>(model.pieces.size());
    settings_ = read_t5_settings(folder, pieces, std::nullopt);
    const auto loaded = library_.LoadFromSerializedProto(
        settings_.legacy ? bytes : bytes + std::string(kNoDummyPrefix));
    SD_CHECK(loaded.ok(), ErrorKind::kModel, path.string(),
             ": the sentencepiece library cannot use the model: ", one_line(loaded.ToString()));
    const VocabularyView view{folder, static_cast<size_t>(pieces),
                              [&](std::string_view token) { return find(token); },
                              [&](int64_t id) { return id < pieces; }};
    added_ = resolve_slow_tokens(settings_.sentinels, settings_.config, view);
    eos_id_ = id_of_role("eos_token").value_or(-1);
    pad_id_ = id_of_role("pad_token");
    SD_CHECK(eos_id_ >= 0, ErrorKind::kModel, folder.string(),
             ": the tokenizer must have an eos_token, but it is null or empty");
    if (!settings_.legacy) unk_length_ = tokens_of_library(unk_token()).size();
  }

  std::vector<int64_t> encode(std::string_view text) const override {
    std::vector<int64_t> ids;
    for (const std::string& token : tokenize(text)) ids.push_back(id_of(token));
    return ids;
  }

  std::string decode(std::span<const int64_t> ids) const override {
    std::vector<std::string> tokens;
    for (const int64_t id : ids) tokens.push_back(token_of(id));
    std::string text =
        decode_runs(std::move(tokens), added_.separate,
                    [&](std::vector<std::string> run) { return text_of(std::move(run)); });
    return settings_.config.clean_up_spaces ? clean_up_spaces(std::move(text)) : text;
  }

  int64_t eos_id() const override { return eos_id_; }
  std::optional<int64_t> pad_id() const override { return pad_id_; }
  LargestToken largest_token() const override {
    const int64_t pieces = library_.GetPieceSize() - 1;
    const int64_t special = std::max(eos_id_, pad_id_.value_or(-1));
    return pieces >= special ? LargestToken{pieces, folder_ / "spiece.model"}
                             : LargestToken{special, folder_};
  }
  std::optional<int64_t> model_max_length() const override {
    return settings_.config.model_max_length;
  }
  bool keeps_end() const override { return true; }

 private:
  static std::string one_line(std::string text) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
  }

  std::optional<int32_t> find(std::string_view piece) const {
    const int id = library_.PieceToId(piece);
    if (library_.IsUnknown(id) && library_.IdToPiece(id) != piece) return std::nullopt;
    return id;
  }

  std::optional<int64_t> id_of_role(const char* role) const {
    const SpecialToken* token = settings_.config.find(role);
    const int32_t id = token ? added_.tokens.find(token->token.content) : TextPiece::kText;
    return id == TextPiece::kText ? std::nullopt : std::optional<int64_t>(id);
  }

  std::string unk_token() const {
    const SpecialToken* token = settings_.config.find("unk_token");
    return token ? token->token.content : "None";  // as Python writes it
  }

  bool adds_prefix() const { return settings_.add_prefix_space.value_or(true); }

  int64_t id_of(const std::string& token) const {
    const int32_t added = added_.tokens.find(token);
    return added != TextPiece::kText ? added : library_.PieceToId(token);
  }

  std::string token_of(int64_t id) const {
    const auto& added = added_.tokens.by_id();
    const auto found =
        id >= 0 && id <= INT32_MAX ? added.find(static_cast<int32_t>(id)) : added.end();
    if (found != added.end()) return found->second.content;
    SD_CHECK(id >= 0 && id < library_.GetPieceSize(), ErrorKind::kModel, folder_.string(),
             ": a token id must be one of ", library_.GetPieceSize(),
             " in the vocabulary, but one is ", id);
    return library_.IdToPiece(static_cast<int>(id));
  }

  /// `SentencePieceProcessor.encode(text, out_type=str)`. The library normalizes; which of its
  /// versions is linked decides between ways of equal score, so the pieces are chosen here.
  std::vector<std::string> tokens_of_library(std::string_view text) const {
    std::vector<std::string> pieces;
    const auto status = library_.Encode(text, &pieces);
    SD_CHECK(status.ok(), ErrorKind::kModel, folder_.string(),
             ": the sentencepiece library cannot encode a text: ", one_line(status.ToString()));
    std::string normalized;
    for (const std::string& piece : pieces) {
      const bool is_byte = library_.IsByte(library_.PieceToId(piece));
      normalized += is_byte ? byte_of(piece) : piece;
    }
    return unigram_->tokens(normalized);
  }

  /// The byte of "<0xNN>".
  static std::string byte_of(const std::string& piece) {
    return {static_cast<char>(std::stoi(piece.substr(3, 2), nullptr, 16))};
  }

  /// `T5Tokenizer._tokenize`: without the dummy prefix, a leading space is kept by an unknown token
  /// in front, which is dropped again.
  std::vector<std::string> tokens_of_text(const std::string& text) const {
    if (settings_.legacy || !(text.starts_with(kSpaceMark) || text.starts_with(' '))) {
      return tokens_of_library(text);
    }
    std::vector<std::string> tokens = tokens_of_library(unk_token() + text);
    if (tokens.size() >= unk_length_) tokens.erase(tokens.begin(), tokens.begin() + unk_length_);
    return tokens;
  }

  /// `T5Tokenizer.tokenize`.
  std::vector<std::string> tokenize(std::string_view text) const {
    std::u32string chars = decode_utf8(text);
    const bool marked = !settings_.legacy && !chars.empty();
    if (marked) {
      constexpr char32_t kMark = U'▁';
      std::replace(chars.begin(), chars.end(), kMark, U' ');
      if (adds_prefix()) chars.insert(chars.begin(), kMark);
    }
    std::vector<std::string> tokens;
    for (const TextPiece& piece : added_.tokens.split(chars)) {
      const std::string bytes = to_utf8(piece.text);
      if (piece.id != TextPiece::kText) {
        tokens.push_back(bytes);
      } else {
        const std::vector<std::string> more = tokens_of_text(bytes);
        tokens.insert(tokens.end(), more.begin(), more.end());
      }
    }
    const bool lone_mark = marked && tokens.size() > 1 && tokens[0] == kSpaceMark;
    if (lone_mark && added_.special.contains(tokens[1])) tokens.erase(tokens.begin());
    return tokens;
  }

  /// `T5Tokenizer.convert_tokens_to_string`.
  std::string text_of(std::vector<std::string> tokens) const {
    if (tokens[0].starts_with(kSpaceMark) && adds_prefix()) tokens[0].erase(0, kSpaceMark.size());
    std::vector<std::string> current;
    std::string text;
    const auto flush = [&] {
      std::string part;
      const auto status = library_.Decode(current, &part);
      SD_CHECK(status.ok(), ErrorKind::kModel, folder_.string(),
               ": the sentencepiece library cannot decode ids: ", one_line(status.ToString()));
      current.clear();
      text += part;
    };
    bool after_special = false;
    for (std::string& token : tokens) {
      if (added_.special.contains(token)) {
        if (!after_special) text += ' ';
        flush();
        text += token;
      } else {
        current.push_back(std::move(token));
      }
      after_special = current.empty();
    }
    flush();
    return strip(text);
  }

  fs::path folder_;
  sentencepiece::SentencePieceProcessor library_;
  std::optional<Unigram> unigram_;
  T5TokenizerSettings settings_;
  ResolvedSlowTokens added_;
  int64_t eos_id_ = -1;
  std::optional<int64_t> pad_id_;
  size_t unk_length_ = 0;  ///< tokens of the text of the unknown token
};

}  // namespace

std::unique_ptr<const T5TokenizerClass> make_slow_t5_tokenizer(const fs::path& folder) {
  return std::make_unique<SlowT5Tokenizer>(folder);
}

}  // namespace sd
