#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace sd {

enum class ByteFallback { kNo, kYes };

/// A piece and the logarithm of its probability.
struct ScoredPiece {
  std::string text;
  double score = 0;
  bool matches = true;  ///< may come from a text; others only have an id
};

/// What a Unigram is made of.
struct UnigramParts {
  /// In which type scores add up: it decides between ways of equal score, as of "..." and ".." for
  /// ".....". tokenizers 0.22 has float64, sentencepiece 0.2.3 float32 (0.1.97 had a mixture).
  enum class Sums { kFloat64, kFloat32 };

  std::vector<ScoredPiece> pieces;  ///< by id, at least one; of equal ones the last counts
  int32_t unk_id = 0;               ///< one of them
  double unk_score = 0;             ///< of a character without a piece
  ByteFallback fallback = ByteFallback::kNo;
  Sums sums = Sums::kFloat64;
};

/// The unigram language model (Kudo 2018, arXiv:1804.10959) as tokenizers and sentencepiece compute
/// it.
class Unigram {
 public:
  explicit Unigram(UnigramParts parts);

  /// The pieces of `word` (UTF-8) with the largest sum of scores. Neighbouring characters without a
  /// piece are one, or with the fallback "<0xNN>" for each of its bytes.
  std::vector<std::string> tokens(std::string_view word) const;
  /// Appends the ids of those pieces.
  void encode(std::string_view word, std::vector<int64_t>& ids) const;

  const std::vector<ScoredPiece>& pieces() const { return parts_.pieces; }
  /// The id of that piece, or kNone.
  int32_t find(std::string_view piece) const;

  static constexpr int32_t kNone = -1;
  static constexpr double kUnkPenalty = 10;  ///< below the lowest score of a piece

 private:
  /// The best pieces, last first.
  template <typename Score>
  std::vector<std::string_view> best_way(std::string_view word) const;
  void append_bytes(std::string_view piece, std::vector<std::string>& tokens) const;

  UnigramParts parts_;
  std::unordered_map<std::string_view, int32_t> ids_;  // views into the pieces
  size_t longest_ = 0;                                 // piece, in bytes
};

}  // namespace sd
