#include "text/clip_tokenizer.h"

#include <algorithm>
#include <unordered_map>

#include "core/check.h"
#include "text/bpe.h"
#include "text/decoded_text.h"
#include "text/resolve_tokens.h"
#include "text/tokenizer_files.h"
#include "text/unicode.h"

namespace sd {
namespace {

constexpr std::string_view kWordEnd = "</w>";

/// Appends the bytes that a byte-level token stands for.
void append_bytes(std::string& bytes, std::string_view token) {
  std::string read;
  for (const char32_t symbol : decode_utf8(token)) {
    const auto byte = byte_of_symbol(symbol);
    if (!byte) {  // an added token with characters of its own
      bytes += token;
      return;
    }
    read.push_back(static_cast<char>(*byte));
  }
  bytes += read;
}

std::string text_of_tokens(const std::vector<std::string>& tokens) {
  std::string bytes;
  for (const std::string& token : tokens) append_bytes(bytes, token);
  return strip(replace_all(repair_utf8(bytes), kWordEnd, " "));
}

}  // namespace

class ClipTokenizer::Impl {
 public:
  Impl(std::filesystem::path folder, std::optional<ClipFlavor> flavor)
      : folder_(std::move(folder)), files_(read_clip_tokenizer_files(folder_, flavor)) {
    const Vocabulary& vocabulary = files_.vocabulary;
    const VocabularyView view{folder_, vocabulary.size(),
                              [&](std::string_view token) { return vocabulary.find(token); },
                              [&](int64_t id) { return vocabulary.token(id).has_value(); }};
    if (files_.flavor == ClipFlavor::kSlow) {
      slow_tokens_ = resolve_slow_tokens({}, files_.config, view);
      for (const auto& [id, token] : slow_tokens_.tokens.by_id()) {
        const auto own = vocabulary.find(token.content);
        if (own && *own != id) moved_[*own] = id;
      }
    } else {
      fast_tokens_ = resolve_fast_tokens(files_.fast.added, files_.config, view);
      fast_tokens_.build(normalize_clip_text);
    }
    const bool slow = files_.flavor == ClipFlavor::kSlow;
    bos_id_ = slow ? id_of_role("bos_token") : files_.fast.bos_id;
    eos_id_ = slow ? id_of_role("eos_token") : files_.fast.eos_id;
    pad_id_ = files_.config.find("pad_token") ? id_of_role("pad_token") : TextPiece::kText;
    const SpecialToken* unk = files_.config.find("unk_token");
    unk_id_ = !slow ? files_.fast.unk_id
              : unk ? files_.vocabulary.find(unk->token.content)
                    : std::nullopt;
  }

  std::vector<int64_t> encode(std::string_view text) const {
    const std::u32string chars = decode_utf8(text);
    const std::vector<TextPiece> pieces = files_.flavor == ClipFlavor::kSlow
                                              ? slow_tokens_.tokens.split(chars)
                                              : fast_tokens_.split(chars, normalize_clip_text);
    std::vector<int64_t> ids;
    for (const TextPiece& piece : pieces) {
      if (piece.id != TextPiece::kText) {
        ids.push_back(piece.id);
      } else if (files_.flavor == ClipFlavor::kSlow) {
        encode_slow(piece.text, ids);
      } else {
        encode_fast(piece.text, ids);
      }
    }
    return ids;
  }

  TokenizedPrompt tokenize(std::string_view text, int64_t max_length) const {
    constexpr int64_t kFrame = 2;  // begin and end
    SD_CHECK(max_length > kFrame, ErrorKind::kModel, folder_.string(),
             ": the prompt's length must be at least ", kFrame + 1, " tokens, but it is ",
             max_length);
    const std::vector<int64_t> all = encode(text);
    const auto room = static_cast<size_t>(max_length - kFrame);
    const auto kept = all.begin() + static_cast<int64_t>(std::min(all.size(), room));
    TokenizedPrompt prompt;
    prompt.ids.reserve(static_cast<size_t>(max_length));
    prompt.ids.push_back(bos_id_);
    prompt.ids.insert(prompt.ids.end(), all.begin(), kept);
    prompt.ids.push_back(eos_id_);
    prompt.token_count = static_cast<int64_t>(prompt.ids.size());
    prompt.ids.resize(static_cast<size_t>(max_length), pad_id());
    if (kept != all.end()) prompt.truncated_text = decode({kept, all.end()});
    return prompt;
  }

  std::string decode(std::span<const int64_t> ids) const {
    std::vector<std::string> tokens;
    for (const int64_t id : ids) tokens.emplace_back(token_of(id));
    std::string text = decode_runs(std::move(tokens), slow_tokens_.separate, text_of_tokens);
    return files_.config.clean_up_spaces ? clean_up_spaces(std::move(text)) : text;
  }

  int64_t bos_id() const { return bos_id_; }
  int64_t eos_id() const { return eos_id_; }
  int64_t pad_id() const {
    SD_CHECK(pad_id_ != TextPiece::kText, ErrorKind::kModel, folder_.string(),
             ": the tokenizer must have a pad_token, but it is null");
    return pad_id_;
  }
  LargestToken largest_token() const {
    const int64_t plain = files_.vocabulary.largest_id();
    const int64_t special = std::max({bos_id_, eos_id_, pad_id_});
    return plain >= special ? LargestToken{plain, files_.vocabulary_file}
                            : LargestToken{special, folder_};
  }
  std::optional<int64_t> model_max_length() const { return files_.config.model_max_length; }
  ClipFlavor flavor() const { return files_.flavor; }

 private:
  int32_t find_added(std::string_view content) const {
    return files_.flavor == ClipFlavor::kSlow ? slow_tokens_.tokens.find(content)
                                              : fast_tokens_.find(content);
  }

  int32_t id_of_role(const std::string& role) const {
    const SpecialToken* token = files_.config.find(role);
    const int32_t id = token ? find_added(token->token.content) : TextPiece::kText;
    SD_CHECK(id != TextPiece::kText, ErrorKind::kModel, folder_.string(),
             ": the tokenizer must have a ", role, ", but it is null or empty");
    return id;
  }

  std::string_view token_of(int64_t id) const {
    const auto& added =
        files_.flavor == ClipFlavor::kSlow ? slow_tokens_.tokens.by_id() : fast_tokens_.by_id();
    const auto found =
        id <= Vocabulary::kMaxId ? added.find(static_cast<int32_t>(id)) : added.end();
    if (found != added.end()) return found->second.content;
    const auto token = files_.vocabulary.token(id);
    SD_CHECK(token, ErrorKind::kModel, folder_.string(), ": a token id must be one of ",
             files_.vocabulary.size(), " in the vocabulary, but one is ", id);
    return *token;
  }

  void encode_slow(std::u32string_view text, std::vector<int64_t>& ids) const {
    std::vector<int32_t> tokens;
    split_clean_words(clean_clip_text(text), [&](std::string_view word) {
      if (word == "<|startoftext|>" || word == "<|endoftext|>") {
        const int32_t added = slow_tokens_.tokens.find(word);
        tokens.push_back(added != TextPiece::kText
                             ? added
                             : files_.vocabulary.find(word).value_or(Bpe::kUnknown));
      } else {
        files_.bpe.encode(word, MergeOrder::kAllPlaces, tokens);
      }
    });
    for (const int32_t token : tokens) {
      const auto moved = moved_.find(token);
      const int32_t id = moved == moved_.end() ? token : moved->second;
      SD_CHECK(id != Bpe::kUnknown || unk_id_, ErrorKind::kModel, folder_.string(),
               ": the vocabulary must have a token for every byte or an unk_token, but it has "
               "neither");
      ids.push_back(id == Bpe::kUnknown ? *unk_id_ : id);
    }
  }

  void encode_fast(std::u32string_view text, std::vector<int64_t>& ids) const {
    std::vector<int32_t> tokens;
    split_normalized_words(text, files_.fast.pattern, [&](std::string_view word) {
      files_.bpe.encode(word, MergeOrder::kLeftmost, tokens);
    });
    for (const int32_t token : tokens) {
      if (token != Bpe::kUnknown) {
        ids.push_back(token);
      } else if (unk_id_) {
        ids.push_back(*unk_id_);
      }
    }
  }

  std::filesystem::path folder_;
  ClipTokenizerFiles files_;
  ResolvedSlowTokens slow_tokens_;
  FastAddedTokens fast_tokens_;
  std::unordered_map<int32_t, int32_t> moved_;  // tokens that an added token gives another id
  int32_t bos_id_ = 0, eos_id_ = 0, pad_id_ = 0;
  std::optional<int32_t> unk_id_;
};

ClipTokenizer::ClipTokenizer(const std::filesystem::path& folder, std::optional<ClipFlavor> flavor)
    : impl_(std::make_unique<const Impl>(folder, flavor)) {}
ClipTokenizer::~ClipTokenizer() = default;
ClipTokenizer::ClipTokenizer(ClipTokenizer&&) noexcept = default;
ClipTokenizer& ClipTokenizer::operator=(ClipTokenizer&&) noexcept = default;

std::vector<int64_t> ClipTokenizer::encode(std::string_view text) const {
  return impl_->encode(text);
}

TokenizedPrompt ClipTokenizer::tokenize(std::string_view text, int64_t max_length) const {
  return impl_->tokenize(text, max_length);
}

std::string ClipTokenizer::decode(std::span<const int64_t> ids) const { return impl_->decode(ids); }

int64_t ClipTokenizer::bos_id() const { return impl_->bos_id(); }
int64_t ClipTokenizer::eos_id() const { return impl_->eos_id(); }
int64_t ClipTokenizer::pad_id() const { return impl_->pad_id(); }
LargestToken ClipTokenizer::largest_token() const { return impl_->largest_token(); }
std::optional<int64_t> ClipTokenizer::model_max_length() const { return impl_->model_max_length(); }
ClipFlavor ClipTokenizer::flavor() const { return impl_->flavor(); }

}  // namespace sd
