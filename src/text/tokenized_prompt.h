#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace sd {

/// A prompt as the text encoder takes it.
struct TokenizedPrompt {
  std::vector<int64_t> ids;    ///< (begin,) the prompt, end, padding: `max_length` ids in all
  int64_t token_count = 0;     ///< how many of them come before the padding
  std::string truncated_text;  ///< what did not fit, decoded; empty where all fitted
  /// Words of what fitted, each once, that became the unknown token because the vocabulary lacks
  /// pieces for them, as they were looked up (WordPieceTokenizer: lower case, no accents). Other
  /// tokenizers leave this empty.
  std::vector<std::string> unknown_words;
};

/// A token id and the file or folder that gives it.
struct LargestToken {
  int64_t id = 0;
  std::filesystem::path source;
};

}  // namespace sd
