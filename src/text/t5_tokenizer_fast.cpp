#include <algorithm>

#include "core/check.h"
#include "core/model_file.h"
#include "text/decoded_text.h"
#include "text/resolve_tokens.h"
#include "text/t5_tokenizer_files.h"
#include "text/t5_tokenizers.h"
#include "text/unicode.h"
#include "text/unigram_rules.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

constexpr char32_t kMark = U'▁';

class FastT5Tokenizer : public T5TokenizerClass {
 public:
  explicit FastT5Tokenizer(const fs::path& folder) : folder_(folder) {
    const fs::path json = folder / "tokenizer.json", spiece = folder / "spiece.model";
    const bool reads_json = is_there(json) && !(is_there(spiece) && says_add_prefix_space(folder));
    file_ = reads_json ? json : spiece;
    if (reads_json) {
      rules_ = read_unigram_rules(json);
      settings_ =
          read_t5_settings(folder, static_cast<int64_t>(rules_.parts.pieces.size()), rules_.added);
    } else {
      SpieceModel model = parse_spiece_model(spiece, read_model_text(spiece));
      const auto pieces = static_cast<int64_t>(model.pieces.size());
      settings_ = read_t5_settings(folder, pieces, std::nullopt);
      const PrefixSpace with = settings_.legacy ? PrefixSpace::kAlways : PrefixSpace::kFirst;
      const bool prefix = settings_.add_prefix_space.value_or(true);
      rules_ = convert_spiece_model(spiece, std::move(model), settings_.extra_ids,
                                    prefix ? with : PrefixSpace::kNever);
    }
    const auto size = static_cast<int64_t>(rules_.parts.pieces.size());
    unigram_.emplace(std::move(rules_.parts));
    const VocabularyView view{folder, static_cast<size_t>(size),
                              [&](std::string_view token) -> std::optional<int32_t> {
                                const int32_t id = unigram_->find(token);
                                return id == Unigram::kNone ? std::nullopt : std::optional(id);
                              },
                              [&](int64_t id) { return id < size; }};
    added_ = resolve_fast_tokens(rules_.added, settings_.config, view);
    added_.build([&](std::u32string_view text) { return normalize(text); });
    if (const SpecialToken* pad = settings_.config.find("pad_token")) {
      const int32_t id = added_.find(pad->token.content);
      if (id != TextPiece::kText) pad_id_ = id;
    }
  }

  std::vector<int64_t> encode(std::string_view text) const override {
    const auto pieces =
        added_.split(decode_utf8(text), [&](std::u32string_view part) { return normalize(part); });
    std::vector<int64_t> ids;
    for (size_t i = 0; i < pieces.size(); ++i) {
      if (pieces[i].id != TextPiece::kText) {
        ids.push_back(pieces[i].id);
      } else {
        encode_text(pieces[i].text, i == 0, ids);
      }
    }
    return ids;
  }

  std::string decode(std::span<const int64_t> ids) const override {
    std::string text;
    for (size_t i = 0; i < ids.size(); ++i) {
      const bool drops = i == 0 && rules_.decode_drops_prefix;
      text += replace_all(token_of(ids[i]), "▁", drops ? "" : " ");
    }
    return settings_.config.clean_up_spaces ? clean_up_spaces(std::move(text)) : text;
  }

  int64_t eos_id() const override { return rules_.eos_id; }
  std::optional<int64_t> pad_id() const override { return pad_id_; }

  LargestToken largest_token() const override {
    const std::vector<ScoredPiece>& pieces = unigram_->pieces();
    auto plain = static_cast<int64_t>(pieces.size()) - 1;
    while (plain > 0 && added_.find(pieces[plain].text) != TextPiece::kText) --plain;
    const int64_t special = std::max(rules_.eos_id, pad_id_.value_or(-1));
    return plain >= special ? LargestToken{plain, file_} : LargestToken{special, folder_};
  }
  std::optional<int64_t> model_max_length() const override {
    return settings_.config.model_max_length;
  }
  bool keeps_end() const override { return false; }

 private:
  std::u32string normalize(std::u32string_view text) const {
    using Normalizer = UnigramRules::Normalizer;
    std::u32string out(text);
    for (const Normalizer step : rules_.normalizers) {
      switch (step) {
        case Normalizer::kCharsmap: out = rules_.charsmap->normalize(out); break;
        case Normalizer::kStripLeft:
          out.erase(out.begin(), std::find_if_not(out.begin(), out.end(), is_white_space));
          break;
        case Normalizer::kStripRight:
          out.erase(std::find_if_not(out.rbegin(), out.rend(), is_white_space).base(), out.end());
          break;
        case Normalizer::kJoinSpaces: out = join_spaces(out); break;
      }
    }
    return out;
  }

  /// Two or more spaces become one text.
  std::u32string join_spaces(std::u32string_view text) const {
    std::u32string out;
    for (size_t i = 0; i < text.size();) {
      const size_t end = std::min(text.find_first_not_of(U' ', i), text.size());
      if (end - i >= 2) {
        out += rules_.joined;
        i = end;
      } else {
        out.push_back(text[i++]);
      }
    }
    return out;
  }

  /// The pre-tokenizer and the model, on a stretch between added tokens.
  void encode_text(std::u32string_view text, bool at_start, std::vector<int64_t>& ids) const {
    if (!rules_.split_white_space) return encode_stretch(text, at_start, ids);
    for (size_t begin = 0; begin < text.size();) {
      size_t end = begin;
      while (end < text.size() && !is_white_space(text[end])) ++end;
      encode_stretch(text.substr(begin, end - begin), at_start && begin == 0, ids);
      begin = end + 1;
    }
  }

  /// Metaspace.
  void encode_stretch(std::u32string_view text, bool at_start, std::vector<int64_t>& ids) const {
    if (text.empty()) return;
    std::u32string marked(text);
    std::replace(marked.begin(), marked.end(), U' ', kMark);
    const bool wants =
        rules_.prefix == PrefixSpace::kAlways || (rules_.prefix == PrefixSpace::kFirst && at_start);
    if (wants && marked.front() != kMark) marked.insert(marked.begin(), kMark);
    for (size_t begin = 0; begin < marked.size();) {
      const bool cut = rules_.words == UnigramRules::Words::kAtSpaces;
      const size_t end =
          cut ? std::min(marked.find(kMark, begin + 1), marked.size()) : marked.size();
      unigram_->encode(to_utf8(std::u32string_view(marked).substr(begin, end - begin)), ids);
      begin = end;
    }
  }

  std::string_view token_of(int64_t id) const {
    const auto& added = added_.by_id();
    const auto found =
        id >= 0 && id <= INT32_MAX ? added.find(static_cast<int32_t>(id)) : added.end();
    if (found != added.end()) return found->second.content;
    const std::vector<ScoredPiece>& pieces = unigram_->pieces();
    SD_CHECK(id >= 0 && id < static_cast<int64_t>(pieces.size()), ErrorKind::kModel,
             folder_.string(), ": a token id must be one of ", pieces.size(),
             " in the vocabulary, but one is ", id);
    return pieces[id].text;
  }

  fs::path folder_, file_;
  UnigramRules rules_;  ///< whose parts are in unigram_
  T5TokenizerSettings settings_;
  std::optional<Unigram> unigram_;
  FastAddedTokens added_;
  std::optional<int64_t> pad_id_;
};

}  // namespace

std::unique_ptr<const T5TokenizerClass> make_fast_t5_tokenizer(const fs::path& folder) {
  return std::make_unique<FastT5Tokenizer>(folder);
}

}  // namespace sd
