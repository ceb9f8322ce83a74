#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sd {

/// A token that is cut out of a text before the text is split into words; fields as in
/// `added_tokens_decoder` of a tokenizer_config.json.
struct AddedToken {
  std::string content;
  bool single_word = false;  ///< not inside a word
  bool lstrip = false;       ///< takes the white space before it
  bool rstrip = false;       ///< takes the white space after it
  bool normalized = true;    ///< matched after normalization (fast tokenizers only)
  bool special = false;      ///< control token

  bool operator==(const AddedToken&) const = default;
};

/// A piece of a text: an added token, or text between them.
struct TextPiece {
  static constexpr int32_t kText = -1;

  std::u32string text;
  int32_t id = kText;  ///< the token's id, or kText
};

/// Words, searched for all at once.
class TokenTrie {
 public:
  static constexpr int32_t kNone = -1;
  static constexpr int32_t kRoot = 0;

  /// Adds `word`; a word that is there keeps its value.
  void add(std::u32string_view word, int32_t value);

  /// The node after `node` along `c`, or kNone.
  int32_t next(int32_t node, char32_t c) const;

  /// The value of the word that ends at `node`, or kNone.
  int32_t value(int32_t node) const { return nodes_[node].value; }

 private:
  struct Node {
    std::map<char32_t, int32_t> next;
    int32_t value = kNone;
  };

  std::vector<Node> nodes_ = std::vector<Node>(1);
};

/// The added tokens of a Python ("slow") tokenizer: transformers 4.57 `PreTrainedTokenizer`.
class SlowAddedTokens {
 public:
  /// Adds a token; one that has that id already gives way.
  void add(const AddedToken& token, int32_t id);

  /// To be called after the last add and before split.
  void build();

  /// The id of the token with that content, or TextPiece::kText.
  int32_t find(std::string_view content) const;
  const std::map<int32_t, AddedToken>& by_id() const { return by_id_; }

  /// `text` cut at the added tokens as `PreTrainedTokenizer.tokenize` cuts it; no piece is empty.
  std::vector<TextPiece> split(std::u32string_view text) const;

 private:
  std::map<int32_t, AddedToken> by_id_;
  std::map<std::string, int32_t, std::less<>> ids_;
  TokenTrie trie_;
};

/// The added tokens of a fast tokenizer: tokenizers 0.22 `AddedVocabulary`.
class FastAddedTokens {
 public:
  using Normalizer = std::function<std::u32string(std::u32string_view)>;

  /// Adds or updates a token.
  void add(const AddedToken& token, int32_t id);

  int32_t find(std::string_view content) const;
  const std::map<int32_t, AddedToken>& by_id() const { return by_id_; }

  /// To be called after the last add and before split.
  void build(const Normalizer& normalize);

  /// `text` cut at the tokens that are not normalized; the rest normalized and cut at the others.
  std::vector<TextPiece> split(std::u32string_view text, const Normalizer& normalize) const;

 private:
  void cut(std::u32string_view text, const TokenTrie& trie, std::vector<TextPiece>& pieces) const;

  std::map<int32_t, AddedToken> by_id_;
  std::map<std::string, int32_t, std::less<>> ids_;
  std::vector<AddedToken> special_, plain_;  // as first given, in that order: what the tries hold
  TokenTrie raw_trie_, normalized_trie_;
};

}  // namespace sd
