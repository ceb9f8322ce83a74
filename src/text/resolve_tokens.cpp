#include "text/resolve_tokens.h"

#include <algorithm>
#include <vector>

#include "core/check.h"

namespace sd {
namespace {

/// The special tokens, each content once.
std::vector<SpecialToken> distinct_specials(const TokenizerConfig& config) {
  std::vector<SpecialToken> distinct;
  std::set<std::string> seen;
  for (const SpecialToken& token : config.specials) {
    if (!token.token.content.empty() && seen.insert(token.token.content).second) {
      distinct.push_back(token);
    }
  }
  return distinct;
}

/// The id of `content` in the vocabulary, or the next one behind it; `size` counts them all.
int32_t id_in_vocabulary(const VocabularyView& vocabulary, const std::string& content,
                         size_t& size) {
  if (const auto id = vocabulary.find(content)) return *id;
  SD_CHECK(!vocabulary.has_id(static_cast<int64_t>(size)), ErrorKind::kModel,
           vocabulary.folder.string(), ": special token \"", content,
           "\" must be in the vocabulary or get the id ", size,
           " behind it, but the vocabulary has holes and gives that id to another token");
  return static_cast<int32_t>(size++);
}

}  // namespace

ResolvedSlowTokens resolve_slow_tokens(const AddedTokenList& own, const TokenizerConfig& config,
                                       const VocabularyView& vocabulary) {
  ResolvedSlowTokens resolved;
  SlowAddedTokens& tokens = resolved.tokens;
  for (const auto& [id, token] : own) tokens.add(token, id);
  for (const auto& [id, token] : config.added) tokens.add(token, id);
  size_t size = vocabulary.size;
  for (const auto& [id, token] : tokens.by_id()) {
    if (!vocabulary.find(token.content)) ++size;
  }
  for (SpecialToken& token : distinct_specials(config)) {
    const std::string& content = token.token.content;
    resolved.special.insert(content);
    const int32_t known = tokens.find(content);
    const int32_t id =
        known != TextPiece::kText ? known : id_in_vocabulary(vocabulary, content, size);
    if (token.role == "additional_special_tokens" && id >= static_cast<int64_t>(vocabulary.size)) {
      resolved.separate.insert(content);
    }
    if (known != TextPiece::kText && token.form == SpecialToken::Form::kString) continue;
    token.token.special = true;
    tokens.add(token.token, id);
  }
  for (const auto& [id, token] : tokens.by_id()) {
    if (!resolved.special.contains(token.content)) resolved.separate.insert(token.content);
  }
  tokens.build();
  return resolved;
}

FastAddedTokens resolve_fast_tokens(const AddedTokenList& from_file, const TokenizerConfig& config,
                                    const VocabularyView& vocabulary) {
  FastAddedTokens tokens;
  size_t size = vocabulary.size;
  const auto add = [&](const AddedToken& token) {
    if (token.content.empty()) return;
    const int32_t known = tokens.find(token.content);
    const int32_t id =
        known != TextPiece::kText ? known : id_in_vocabulary(vocabulary, token.content, size);
    tokens.add(token, id);
  };
  // The library goes by the vocabulary where a file gives an added token another id.
  for (const auto& [id, token] : from_file) add(token);
  const std::vector<SpecialToken> specials = distinct_specials(config);
  const auto is_named = [&](const AddedToken& token) {
    return std::any_of(specials.begin(), specials.end(), [&](const SpecialToken& special) {
      return special.token.content == token.content;
    });
  };
  for (auto [id, token] : config.added) {
    token.special = token.special || is_named(token);
    add(token);
  }
  for (const SpecialToken& special : specials) {
    if (tokens.find(special.token.content) != TextPiece::kText) continue;
    AddedToken token = special.token;
    token.special = true;
    add(token);
  }
  return tokens;
}

}  // namespace sd
