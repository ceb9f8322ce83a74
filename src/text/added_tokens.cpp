#include "text/added_tokens.h"

#include <algorithm>

#include "text/unicode.h"

namespace sd {
namespace {

/// A word of the trie that stands in a text: [begin, end), and its value.
struct Match {
  size_t begin, end;
  int32_t value;
};

/// Goes on from `node` through `text` at `at`; the end of the longest word, or `none`.
size_t longest_end(const TokenTrie& trie, int32_t node, std::u32string_view text, size_t at,
                   size_t none) {
  size_t end = none;
  while (true) {
    if (trie.value(node) != TokenTrie::kNone) end = at;
    if (at == text.size()) return end;
    node = trie.next(node, text[at++]);
    if (node == TokenTrie::kNone) return end;
  }
}

/// Finds words as transformers' `Trie.split` does. That is the leftmost longest word, but for one
/// property of its look-ahead that is kept: a partial match that has just failed at a character
/// still takes part in the look-ahead of a match that ends before the same character, and goes on
/// behind that character, so that [begin, end) may be no word at all.
class PythonTrieSearch {
 public:
  PythonTrieSearch(const TokenTrie& trie, std::u32string_view text) : trie_(trie), text_(text) {}

  /// Where to cut `text`: begin, end, begin, end …
  std::vector<size_t> cuts() {
    for (size_t at = 0; at < text_.size(); ++at) {
      if (at < skip_) continue;
      if (advance(at)) partial_.clear();
      if (at < skip_) continue;
      if (const auto node = trie_.next(TokenTrie::kRoot, text_[at]); node != TokenTrie::kNone) {
        partial_.push_back({at, node});
      }
    }
    for (const Partial& partial : partial_) {
      if (trie_.value(partial.node) == TokenTrie::kNone) continue;
      cuts_.insert(cuts_.end(), {partial.begin, text_.size()});
      break;
    }
    return std::move(cuts_);
  }

 private:
  struct Partial {
    size_t begin;
    int32_t node;
    bool failed = false;
  };

  /// Moves all partial matches over the character at `at`; whether a whole one was met and cut.
  bool advance(size_t at) {
    for (size_t i = 0; i < partial_.size(); ++i) {
      Partial& partial = partial_[i];
      if (trie_.value(partial.node) != TokenTrie::kNone) {
        cut(i, at);
        return true;
      }
      const auto node = trie_.next(partial.node, text_[at]);
      partial.failed = node == TokenTrie::kNone;
      if (!partial.failed) partial.node = node;
    }
    std::erase_if(partial_, [](const Partial& partial) { return partial.failed; });
    return false;
  }

  /// Cuts out the word that partial match `whole` has ended with before `at`, or a longer one, or
  /// one that began earlier.
  void cut(size_t whole, size_t at) {
    for (size_t i = 0; i <= whole; ++i) {
      const size_t from = i < whole ? at + 1 : at;
      const size_t end =
          from <= text_.size() ? longest_end(trie_, partial_[i].node, text_, from, kNoEnd) : kNoEnd;
      if (end == kNoEnd) continue;
      cuts_.insert(cuts_.end(), {partial_[i].begin, end});
      skip_ = end;
      return;
    }
  }

  static constexpr size_t kNoEnd = static_cast<size_t>(-1);

  const TokenTrie& trie_;
  std::u32string_view text_;
  std::vector<Partial> partial_;  // by begin
  std::vector<size_t> cuts_;
  size_t skip_ = 0;
};

void strip_left(std::u32string& text) {
  text.erase(text.begin(), std::find_if_not(text.begin(), text.end(), is_python_space));
}

void strip_right(std::u32string& text) {
  text.erase(std::find_if_not(text.rbegin(), text.rend(), is_python_space).base(), text.end());
}

}  // namespace

void TokenTrie::add(std::u32string_view word, int32_t value) {
  int32_t node = kRoot;
  for (const char32_t c : word) {
    int32_t following = next(node, c);
    if (following == kNone) {
      following = static_cast<int32_t>(nodes_.size());
      nodes_[node].next[c] = following;
      nodes_.emplace_back();
    }
    node = following;
  }
  if (node != kRoot && nodes_[node].value == kNone) nodes_[node].value = value;
}

int32_t TokenTrie::next(int32_t node, char32_t c) const {
  const auto found = nodes_[node].next.find(c);
  return found == nodes_[node].next.end() ? kNone : found->second;
}

void SlowAddedTokens::add(const AddedToken& token, int32_t id) {
  by_id_[id] = token;
  ids_[token.content] = id;
}

void SlowAddedTokens::build() {
  trie_ = TokenTrie();
  for (const auto& [id, token] : by_id_) trie_.add(decode_utf8(token.content), id);
}

int32_t SlowAddedTokens::find(std::string_view content) const {
  const auto found = ids_.find(content);
  return found == ids_.end() ? TextPiece::kText : found->second;
}

std::vector<TextPiece> SlowAddedTokens::split(std::u32string_view text) const {
  std::vector<size_t> cuts = PythonTrieSearch(trie_, text).cuts();
  cuts.push_back(text.size());
  std::vector<TextPiece> pieces;
  size_t begin = 0;
  for (const size_t end : cuts) {
    if (end <= begin) continue;
    pieces.push_back({std::u32string(text.substr(begin, end - begin))});
    begin = end;
  }
  const auto id_of = [&](const TextPiece& piece) { return find(to_utf8(piece.text)); };
  for (size_t i = 0; i < pieces.size(); ++i) {
    TextPiece& piece = pieces[i];
    const int32_t id = id_of(piece);
    if (id == TextPiece::kText) continue;
    const AddedToken& token = by_id_.at(id);
    std::u32string* left = i > 0 ? &pieces[i - 1].text : nullptr;
    std::u32string* right = i + 1 < pieces.size() ? &pieces[i + 1].text : nullptr;
    // transformers looks for a neighbouring space in the pieces as they were before stripping.
    const char32_t before = left && !left->empty() ? left->back() : U' ';
    const char32_t after = right && !right->empty() ? right->front() : U' ';
    if (token.rstrip && right) strip_left(*right);
    if (token.lstrip && left) strip_right(*left);
    if (token.single_word && before != U' ') {
      *left += piece.text;
      piece.text.clear();
    } else if (token.single_word && after != U' ') {
      right->insert(0, piece.text);
      piece.text.clear();
    }
  }
  std::erase_if(pieces, [](const TextPiece& piece) { return piece.text.empty(); });
  for (TextPiece& piece : pieces) piece.id = id_of(piece);
  return pieces;
}

void FastAddedTokens::add(const AddedToken& token, int32_t id) {
  const auto has_content = [&](const AddedToken& other) { return other.content == token.content; };
  const bool known_special = std::any_of(special_.begin(), special_.end(), has_content);
  if (token.special && !known_special) special_.push_back(token);
  const bool same_there = std::any_of(by_id_.begin(), by_id_.end(),
                                      [&](const auto& entry) { return entry.second == token; });
  if (token.content.empty() || same_there) return;
  by_id_[id] = token;
  ids_[token.content] = id;
  if (!token.special && !known_special) plain_.push_back(token);
}

int32_t FastAddedTokens::find(std::string_view content) const {
  const auto found = ids_.find(content);
  return found == ids_.end() ? TextPiece::kText : found->second;
}

void FastAddedTokens::build(const Normalizer& normalize) {
  raw_trie_ = normalized_trie_ = TokenTrie();
  for (const auto* tokens : {&special_, &plain_}) {
    for (const AddedToken& token : *tokens) {
      const std::u32string content = decode_utf8(token.content);
      const int32_t id = ids_.at(token.content);
      if (token.normalized) {
        normalized_trie_.add(normalize(content), id);
      } else {
        raw_trie_.add(content, id);
      }
    }
  }
}

void FastAddedTokens::cut(std::u32string_view text, const TokenTrie& trie,
                          std::vector<TextPiece>& pieces) const {
  size_t done = 0;
  const auto take = [&](size_t begin, size_t end, int32_t id) {
    pieces.push_back({std::u32string(text.substr(begin, end - begin)), id});
  };
  for (size_t at = 0; at < text.size();) {
    // The leftmost longest word, as the Aho-Corasick search of the tokenizers library finds it.
    int32_t node = TokenTrie::kRoot;
    Match match{at, at, TokenTrie::kNone};
    for (size_t i = at; i < text.size() && node != TokenTrie::kNone; ++i) {
      node = trie.next(node, text[i]);
      if (node != TokenTrie::kNone && trie.value(node) != TokenTrie::kNone) {
        match = {at, i + 1, trie.value(node)};
      }
    }
    if (match.value == TokenTrie::kNone) {
      ++at;
      continue;
    }
    at = match.end;
    const AddedToken& token = by_id_.at(match.value);
    const bool inside_word = (match.begin > 0 && is_word_char(text[match.begin - 1])) ||
                             (match.end < text.size() && is_word_char(text[match.end]));
    if (token.single_word && inside_word) continue;
    if (token.lstrip) {
      while (match.begin > done && is_white_space(text[match.begin - 1])) --match.begin;
    }
    if (token.rstrip) {
      while (match.end < text.size() && is_white_space(text[match.end])) ++match.end;
    }
    if (done < match.begin) take(done, match.begin, TextPiece::kText);
    take(match.begin, match.end, match.value);
    done = match.end;
  }
  if (done < text.size()) take(done, text.size(), TextPiece::kText);
}

std::vector<TextPiece> FastAddedTokens::split(std::u32string_view text,
                                              const Normalizer& normalize) const {
  std::vector<TextPiece> raw, pieces;
  cut(text, raw_trie_, raw);
  for (TextPiece& piece : raw) {
    if (piece.id == TextPiece::kText) {
      cut(normalize(piece.text), normalized_trie_, pieces);
    } else {
      pieces.push_back(std::move(piece));
    }
  }
  return pieces;
}

}  // namespace sd
