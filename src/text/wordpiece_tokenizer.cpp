#include "text/wordpiece_tokenizer.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "core/check.h"
#include "text/decoded_text.h"
#include "text/resolve_tokens.h"
#include "text/unicode.h"
#include "text/wordpiece.h"
#include "text/wordpiece_files.h"

namespace sd {
namespace {

/// `BertTokenizer.convert_tokens_to_string`.
std::string text_of_tokens(const std::vector<std::string>& tokens) {
  std::string text;
  for (size_t i = 0; i < tokens.size(); ++i) text += (i > 0 ? " " : "") + tokens[i];
  return strip(replace_all(text, " ##", ""));
}

/// The decoder `WordPiece` of the tokenizers library.
std::string text_of_pieces(std::vector<std::string> tokens, bool cleans) {
  constexpr std::string_view kInside = "##";
  std::string text;
  for (size_t i = 0; i < tokens.size(); ++i) {
    std::string& token = tokens[i];
    if (i > 0 && token.starts_with(kInside)) {
      token.erase(0, kInside.size());
    } else if (i > 0) {
      token.insert(0, 1, ' ');
    }
    if (cleans) token = replace_all(clean_up_spaces(token), " do not", " don't");
    text += token;
  }
  return text;
}

}  // namespace

class WordPieceTokenizer::Impl {
 public:
  Impl(std::filesystem::path folder, std::optional<WordPieceFlavor> flavor)
      : folder_(std::move(folder)),
        files_(read_wordpiece_files(folder_, flavor)),
        pieces_(files_.vocabulary,
                is_slow() ? WordPiece::kUsualLongestWord : files_.fast.longest_word) {
    const Vocabulary& vocabulary = files_.vocabulary;
    const VocabularyView view{folder_, vocabulary.size(),
                              [&](std::string_view token) { return vocabulary.find(token); },
                              [&](int64_t id) { return vocabulary.token(id).has_value(); }};
    if (is_slow()) {
      slow_tokens_ = resolve_slow_tokens({}, files_.config, view);
      read_slow_tokens();
      unk_id_ = id_of_role("unk_token");
    } else {
      fast_tokens_ = resolve_fast_tokens(files_.fast.added, files_.config, view);
      fast_tokens_.build(
          [&](std::u32string_view text) { return normalize_bert_text(text, files_.fast.tokens); });
      const auto unk = vocabulary.find(files_.fast.unk_token);
      SD_CHECK(unk, ErrorKind::kModel, files_.vocabulary_file.string(),
               ": the vocabulary should have the unknown token \"", files_.fast.unk_token,
               "\", but it does not");
      unk_id_ = *unk;
    }
    cls_id_ = files_.fast.cls_id ? *files_.fast.cls_id : id_of_role("cls_token");
    sep_id_ = files_.fast.sep_id ? *files_.fast.sep_id : id_of_role("sep_token");
    const SpecialToken* pad = files_.config.find("pad_token");
    pad_id_ = pad ? id_of_role("pad_token") : TextPiece::kText;
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  struct Encoded {
    std::vector<int64_t> ids;
    std::vector<std::pair<size_t, std::string>> unknown;  ///< words by their place in `ids`
  };

  Encoded encode(std::string_view text) const {
    const std::u32string chars = decode_utf8(text);
    const std::vector<TextPiece> parts =
        is_slow() ? slow_tokens_.tokens.split(lower_text(chars))
                  : fast_tokens_.split(chars, [&](std::u32string_view part) {
                      return normalize_bert_text(part, files_.text);
                    });
    Encoded encoded;
    for (const TextPiece& part : parts) {
      if (part.id != TextPiece::kText) {
        encoded.ids.push_back(part.id);
      } else if (is_slow()) {
        encode_slow(part.text, encoded);
      } else {
        split_bert_words(part.text, [&](std::u32string_view word) { add_word(word, encoded); });
      }
    }
    return encoded;
  }

  TokenizedPrompt tokenize(std::string_view text, int64_t max_length) const {
    constexpr int64_t kFrame = 2;  // begin and end
    SD_CHECK(max_length > kFrame, ErrorKind::kModel, folder_.string(),
             ": the prompt's length must be at least ", kFrame + 1, " tokens, but it is ",
             max_length);
    const auto [all, unknown] = encode(text);
    const auto room = static_cast<size_t>(max_length - kFrame);
    const auto kept = all.begin() + static_cast<int64_t>(std::min(all.size(), room));
    TokenizedPrompt prompt;
    prompt.ids.reserve(static_cast<size_t>(max_length));
    prompt.ids.push_back(cls_id_);
    prompt.ids.insert(prompt.ids.end(), all.begin(), kept);
    prompt.ids.push_back(sep_id_);
    prompt.token_count = static_cast<int64_t>(prompt.ids.size());
    prompt.ids.resize(static_cast<size_t>(max_length), pad_id());
    if (kept != all.end()) prompt.truncated_text = decode({kept, all.end()});
    std::vector<std::string>& words = prompt.unknown_words;
    for (const auto& [place, word] : unknown) {
      const bool is_new = std::find(words.begin(), words.end(), word) == words.end();
      if (place < room && is_new) words.push_back(word);
    }
    return prompt;
  }

  std::string decode(std::span<const int64_t> ids) const {
    using Decoder = FastWordPiecePart::Decoder;
    std::vector<std::string> tokens;
    for (const int64_t id : ids) tokens.emplace_back(token_of(id));
    std::string text;
    if (is_slow()) {
      text = decode_runs(std::move(tokens), slow_tokens_.separate, text_of_tokens);
    } else if (files_.fast.decoder == Decoder::kNone) {
      for (size_t i = 0; i < tokens.size(); ++i) text += (i > 0 ? " " : "") + tokens[i];
    } else {
      text = text_of_pieces(std::move(tokens), files_.fast.decoder == Decoder::kCleaning);
    }
    return files_.config.clean_up_spaces ? clean_up_spaces(std::move(text)) : text;
  }

  int64_t cls_id() const { return cls_id_; }
  int64_t sep_id() const { return sep_id_; }
  int64_t unk_id() const { return unk_id_; }
  int64_t pad_id() const {
    SD_CHECK(pad_id_ != TextPiece::kText, ErrorKind::kModel, folder_.string(),
             ": the tokenizer must have a pad_token, but it is null");
    return pad_id_;
  }
  LargestToken largest_token() const {
    const int64_t plain = files_.vocabulary.largest_id();
    const int64_t special = std::max({cls_id_, sep_id_, unk_id_, pad_id_});
    return plain >= special ? LargestToken{plain, files_.vocabulary_file}
                            : LargestToken{special, folder_};
  }
  std::optional<int64_t> model_max_length() const { return files_.config.model_max_length; }
  WordPieceFlavor flavor() const { return files_.flavor; }

 private:
  bool is_slow() const { return files_.flavor == WordPieceFlavor::kSlow; }

  void read_slow_tokens() {
    for (const auto& [id, token] : slow_tokens_.tokens.by_id()) {
      const auto own = files_.vocabulary.find(token.content);
      if (own && *own != id) moved_[*own] = id;
    }
    for (const SpecialToken& special : files_.config.specials) {
      const std::string& content = special.token.content;
      if (content.empty()) continue;
      specials_.insert(decode_utf8(content));
      cased_.push_back(decode_utf8(content));
    }
    for (const auto& [id, token] : slow_tokens_.tokens.by_id()) {
      const bool plain = !token.special && token.normalized && !token.content.empty();
      if (plain) cased_.push_back(decode_utf8(token.content));
    }
  }

  int32_t find_added(std::string_view content) const {
    return is_slow() ? slow_tokens_.tokens.find(content) : fast_tokens_.find(content);
  }

  int32_t id_of_role(const std::string& role) const {
    const SpecialToken* token = files_.config.find(role);
    const int32_t id = token ? find_added(token->token.content) : TextPiece::kText;
    SD_CHECK(id != TextPiece::kText, ErrorKind::kModel, folder_.string(),
             ": the tokenizer must have a ", role, ", but it is null or empty");
    return id;
  }

  std::string_view token_of(int64_t id) const {
    const auto& added = is_slow() ? slow_tokens_.tokens.by_id() : fast_tokens_.by_id();
    const auto found =
        id <= Vocabulary::kMaxId ? added.find(static_cast<int32_t>(id)) : added.end();
    if (found != added.end()) return found->second.content;
    const auto token = files_.vocabulary.token(id);
    SD_CHECK(token, ErrorKind::kModel, folder_.string(), ": a token id must be one of ",
             files_.vocabulary.size(), " in the vocabulary, but one is ", id);
    return *token;
  }

  /// `PreTrainedTokenizer.tokenize` of a class with `do_lower_case`: character by character, so
  /// that a capital sigma never is final; the first of `cased_` that stands somewhere is left.
  std::u32string lower_text(std::u32string_view text) const {
    if (!files_.text.lower_case || !files_.slow.splits_words) return std::u32string(text);
    std::u32string out;
    out.reserve(text.size());
    for (size_t at = 0; at < text.size();) {
      const std::u32string_view rest = text.substr(at);
      const auto token =
          std::find_if(cased_.begin(), cased_.end(),
                       [&](const std::u32string& content) { return rest.starts_with(content); });
      const size_t length = token == cased_.end() ? 1 : token->size();
      const std::u32string_view stretch = rest.substr(0, length);
      out += token == cased_.end() ? to_lower(stretch, SigmaRule::kPlain) : std::u32string(stretch);
      at += length;
    }
    return out;
  }

  /// `BertTokenizer._tokenize`.
  void encode_slow(std::u32string_view text, Encoded& to) const {
    if (!files_.slow.splits_words) {
      for (auto begin = text.begin(); begin != text.end();) {
        begin = std::find_if_not(begin, text.end(), is_python_space);
        const auto end = std::find_if(begin, text.end(), is_python_space);
        if (begin != end) add_word({begin, end}, to);
        begin = end;
      }
      return;
    }
    const auto& never_split = files_.slow.never_split;
    const auto is_kept = [&](const std::u32string& word) {
      return never_split.contains(word) || specials_.contains(word);
    };
    for (const std::u32string& word : split_basic_words(text, files_.text, is_kept)) {
      if (never_split.contains(word)) {
        add_whole(word, to);
      } else {
        add_word(word, to);
      }
    }
  }

  /// The pieces of a word, or the unknown token.
  void add_word(std::u32string_view word, Encoded& to) const {
    std::vector<int32_t> ids;
    if (!pieces_.encode(word, ids)) return add_unknown(word, to);
    for (const int32_t id : ids) {
      const auto moved = moved_.find(id);
      to.ids.push_back(moved == moved_.end() ? id : moved->second);
    }
  }

  /// A word of `never_split`.
  void add_whole(std::u32string_view word, Encoded& to) const {
    const std::string token = to_utf8(word);
    const int32_t added = slow_tokens_.tokens.find(token);
    const auto id = added != TextPiece::kText ? added : files_.vocabulary.find(token);
    if (!id) return add_unknown(word, to);
    to.ids.push_back(*id);
  }

  void add_unknown(std::u32string_view word, Encoded& to) const {
    to.unknown.emplace_back(to.ids.size(), to_utf8(word));
    to.ids.push_back(unk_id_);
  }

  std::filesystem::path folder_;
  WordPieceFiles files_;
  WordPiece pieces_;
  ResolvedSlowTokens slow_tokens_;
  FastAddedTokens fast_tokens_;
  std::set<std::u32string> specials_;           // of kSlow
  std::vector<std::u32string> cased_;           // what kSlow does not lower, in order
  std::unordered_map<int32_t, int32_t> moved_;  // pieces that an added token gives another id
  int32_t cls_id_ = 0, sep_id_ = 0, unk_id_ = 0, pad_id_ = 0;
};

WordPieceTokenizer::WordPieceTokenizer(const std::filesystem::path& folder,
                                       std::optional<WordPieceFlavor> flavor)
    : impl_(std::make_unique<const Impl>(folder, flavor)) {}
WordPieceTokenizer::~WordPieceTokenizer() = default;
WordPieceTokenizer::WordPieceTokenizer(WordPieceTokenizer&&) noexcept = default;
WordPieceTokenizer& WordPieceTokenizer::operator=(WordPieceTokenizer&&) noexcept = default;

std::vector<int64_t> WordPieceTokenizer::encode(std::string_view text) const {
  return impl_->encode(text).ids;
}

TokenizedPrompt WordPieceTokenizer::tokenize(std::string_view text, int64_t max_length) const {
  return impl_->tokenize(text, max_length);
}

std::string WordPieceTokenizer::decode(std::span<const int64_t> ids) const {
  return impl_->decode(ids);
}

int64_t WordPieceTokenizer::cls_id() const { return impl_->cls_id(); }
int64_t WordPieceTokenizer::sep_id() const { return impl_->sep_id(); }
int64_t WordPieceTokenizer::unk_id() const { return impl_->unk_id(); }
int64_t WordPieceTokenizer::pad_id() const { return impl_->pad_id(); }
LargestToken WordPieceTokenizer::largest_token() const { return impl_->largest_token(); }
std::optional<int64_t> WordPieceTokenizer::model_max_length() const {
  return impl_->model_max_length();
}
WordPieceFlavor WordPieceTokenizer::flavor() const { return impl_->flavor(); }

}  // namespace sd
