#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace sd {

/// What a SentencePiece model file holds (google/sentencepiece, `src/sentencepiece_model.proto`),
/// as far as a tokenizer other than the library itself needs it.
struct SpieceModel {
  struct Piece {
    enum class Type {
      kNormal = 1,
      kUnknown = 2,
      kControl = 3,
      kUserDefined = 4,
      kUnused = 5,
      kByte = 6
    };

    std::string text;
    float score = 0;
    Type type = Type::kNormal;
  };

  std::vector<Piece> pieces;  ///< by id
  int32_t unk_id = 0;
  bool byte_fallback = false;
  std::string charsmap;  ///< `precompiled_charsmap`; empty: characters stay as they are
};

/// Parses the bytes of a model file. Errors: kModel naming `path` for what is no such file, is cut
/// short, is no unigram model, or has no piece for unknown characters.
SpieceModel parse_spiece_model(const std::filesystem::path& path, std::string_view bytes);

}  // namespace sd
