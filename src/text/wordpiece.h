#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "text/bpe.h"

namespace sd {

/// WordPiece (Wu et al. 2016, arXiv:1609.08144, section 4.1) as BERT looks pieces up: the longest
/// that the rest of the word begins with, those inside a word with `##` in front.
class WordPiece {
 public:
  static constexpr size_t kUsualLongestWord = 100;

  /// A word of more characters than `longest_word` is unknown. `vocabulary` must outlive this.
  explicit WordPiece(const Vocabulary& vocabulary, size_t longest_word = kUsualLongestWord)
      : vocabulary_(vocabulary), longest_word_(longest_word) {}

  /// Appends the ids of the pieces of `word`; appends nothing and says no where it is unknown.
  bool encode(std::u32string_view word, std::vector<int32_t>& ids) const;

 private:
  const Vocabulary& vocabulary_;
  size_t longest_word_;
};

}  // namespace sd
