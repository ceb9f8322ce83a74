#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sd {

/// Tokens and their ids, both ways; made to be filled from a file fast.
class Vocabulary {
 public:
  /// Room for `count` tokens.
  void reserve(size_t count);

  /// What insert found.
  enum class Inserted { kYes, kTokenThere, kIdThere };

  /// Adds one token. Nothing changes where the token or the id is there already. `id` must be in
  /// [0, kMaxId].
  Inserted insert(std::string_view token, int32_t id);

  std::optional<int32_t> find(std::string_view token) const;

  /// The token with that id, nothing where there is none.
  std::optional<std::string_view> token(int64_t id) const;

  size_t size() const { return entries_.size(); }
  int64_t largest_id() const { return static_cast<int64_t>(by_id_.size()) - 1; }  ///< -1: empty

  static constexpr int32_t kMaxId = (1 << 24) - 1;

 private:
  struct Entry {
    uint32_t begin, length;
    int32_t id;
  };

  std::string_view text(const Entry& entry) const {
    return std::string_view(bytes_).substr(entry.begin, entry.length);
  }
  size_t slot_of(std::string_view token) const;
  void rehash(size_t slots);

  std::string bytes_;            // all tokens, one after the other
  std::vector<Entry> entries_;   // in the order of insertion
  std::vector<uint32_t> slots_;  // open addressing: index into entries_ + 1, 0 = free
  std::vector<uint32_t> by_id_;  // index into entries_ + 1, 0 = none
};

/// The character that stands for a byte in byte-level vocabularies (GPT-2): itself where it prints,
/// else one from U+0100 on.
char32_t byte_symbol(uint8_t byte);

/// The byte that `symbol` stands for.
std::optional<uint8_t> byte_of_symbol(char32_t symbol);

/// Which of the places where the best pair stands are merged before pairs are ranked anew. The two
/// differ only where two merges make the same token.
enum class MergeOrder {
  kAllPlaces,  ///< all of them, left to right, as transformers' Python class does
  kLeftmost,   ///< the leftmost one, as the tokenizers library does
};

/// Byte-pair encoding (Sennrich et al. 2016, arXiv:1508.07909) of words of bytes, where the last
/// symbol of a word carries the suffix `</w>`.
class Bpe {
 public:
  /// Takes the ids of the byte symbols, with and without suffix, from `vocabulary`.
  Bpe(const Vocabulary& vocabulary, size_t merge_count);
  Bpe() = default;

  /// The next merge in order of rank: `left` and `right` become `merged`. A pair given twice has
  /// the later rank.
  void add_merge(int32_t left, int32_t right, int32_t merged);

  /// Appends the ids of the tokens of `word`; kUnknown for a byte without token. Takes n log n time
  /// in the length of the word.
  void encode(std::string_view word, MergeOrder order, std::vector<int32_t>& ids) const;

  static constexpr int32_t kUnknown = -1;

 private:
  struct Merge {
    uint64_t pair = 0;
    int32_t rank = -1, merged = -1;  // rank -1: free slot
  };

  static uint64_t pair_key(int32_t left, int32_t right) {
    return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
  }
  size_t slot_of(uint64_t pair) const;
  /// The merge of that pair, or null.
  const Merge* find(int32_t left, int32_t right) const;
  void rehash(size_t slots);

  std::array<int32_t, 256> inner_{};  // id of a byte inside a word
  std::array<int32_t, 256> last_{};   // id of a byte at the end of a word
  std::vector<Merge> slots_;          // open addressing
  size_t used_ = 0;
  int32_t next_rank_ = 0;

  friend class WordMerger;
};

}  // namespace sd
