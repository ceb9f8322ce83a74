#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>

#include "text/bert_words.h"
#include "text/bpe.h"
#include "text/tokenizer_config.h"
#include "text/wordpiece_tokenizer.h"

namespace sd {

/// What only BertTokenizer reads.
struct SlowWordPiecePart {
  bool splits_words = true;              ///< `do_basic_tokenize`
  std::set<std::u32string> never_split;  ///< words that are looked up whole
};

/// What only BertTokenizerFast reads: tokenizer.json, where it is there.
struct FastWordPiecePart {
  AddedTokenList added;  ///< in the order of the file
  /// What added tokens were normalized by when they were added; the folder's `text` comes later.
  BertTextRules tokens;
  size_t longest_word = 0;
  std::string unk_token;
  std::optional<int32_t> cls_id, sep_id;  ///< what the post-processor puts around the ids
  enum class Decoder { kNone, kPlain, kCleaning } decoder = Decoder::kCleaning;
};

/// All files of a BERT tokenizer folder, read and checked one by one.
struct WordPieceFiles {
  WordPieceFlavor flavor = WordPieceFlavor::kSlow;
  std::filesystem::path vocabulary_file;  ///< vocab.txt or tokenizer.json
  Vocabulary vocabulary;
  TokenizerConfig config;
  BertTextRules text;
  SlowWordPiecePart slow;
  FastWordPiecePart fast;
};

/// Reads vocab.txt where it is there, else tokenizer.json; `flavor` asks for one of the two
/// classes instead, of which kFast goes by tokenizer.json where that is there.
/// Of equal lines of vocab.txt the last one gives the id, as in transformers.
/// Errors: kModel naming the file, what was expected and what was found.
WordPieceFiles read_wordpiece_files(const std::filesystem::path& folder,
                                    std::optional<WordPieceFlavor> flavor);

}  // namespace sd
