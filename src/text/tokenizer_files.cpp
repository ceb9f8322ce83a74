#include "text/tokenizer_files.h"

#include <algorithm>

#include "core/check.h"
#include "core/model_file.h"
#include "text/tokenizer_json.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

/// What CLIPTokenizer takes where no file names a token.
const DefaultTokens& default_tokens() {
  static const DefaultTokens tokens = {{"bos_token", "<|startoftext|>"},
                                       {"eos_token", "<|endoftext|>"},
                                       {"unk_token", "<|endoftext|>"},
                                       {"pad_token", "<|endoftext|>"}};
  return tokens;
}

/// merges.txt as CLIPTokenizer reads it: the first line is a header, and lines after as many merges
/// as CLIP has are not read.
void read_merges(const fs::path& path, const Vocabulary& vocabulary, Bpe& bpe) {
  constexpr size_t kMostMerges = 49152 - 256 - 2;
  constexpr std::string_view kBlank = " \t\n\r\f\v";
  const std::string text = read_model_text(path);
  const size_t begin = text.find_first_not_of(kBlank);
  SD_CHECK(begin != std::string::npos, ErrorKind::kModel, path.string(),
           ": expected a header line and one merge a line, but the file is empty");
  size_t line_number =
      1 + static_cast<size_t>(std::count(text.begin(), text.begin() + begin, '\n'));
  std::string_view rest =
      std::string_view(text).substr(begin, text.find_last_not_of(kBlank) + 1 - begin);
  size_t merges = 0;
  for (bool header = true; !rest.empty() && merges < kMostMerges; header = false, ++line_number) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (header) continue;
    const size_t first = std::min(line.find_first_not_of(kBlank), line.size());
    line.remove_prefix(first);
    line = line.substr(0, line.find_last_not_of(kBlank) + 1);
    const size_t gap = line.find_first_of(kBlank);
    const size_t second = gap == line.npos ? line.npos : line.find_first_not_of(kBlank, gap);
    SD_CHECK(second != line.npos && line.find_first_of(kBlank, second) == line.npos,
             ErrorKind::kModel, path.string(), ": line ", line_number,
             " must hold two tokens, but it is \"", line, "\"");
    add_merge(path, vocabulary, line.substr(0, gap), line.substr(second), bpe);
    ++merges;
  }
}

}  // namespace

ClipTokenizerFiles read_clip_tokenizer_files(const fs::path& folder,
                                             std::optional<ClipFlavor> flavor) {
  const fs::path vocab = folder / "vocab.json", merges = folder / "merges.txt",
                 all = folder / "tokenizer.json";
  check_model_folder(folder);
  const bool has_slow_files = is_there(vocab) && is_there(merges);
  ClipTokenizerFiles files;
  files.flavor =
      flavor.value_or(has_slow_files || !is_there(all) ? ClipFlavor::kSlow : ClipFlavor::kFast);
  if (files.flavor == ClipFlavor::kFast) {
    TokenizerJson json = read_tokenizer_json(all);
    files.fast = fast_part_of(all, json);
    files.vocabulary_file = all;
    files.vocabulary = std::move(json.vocabulary);
    files.bpe = Bpe(files.vocabulary, json.merges.size());
    for (const auto& [left, right] : json.merges) {
      add_merge(all, files.vocabulary, left, right, files.bpe);
    }
    files.config = read_tokenizer_config(folder, default_tokens(), files.fast.added);
  } else {
    files.vocabulary_file = vocab;
    files.vocabulary = read_vocab_json(vocab);
    files.bpe = Bpe(files.vocabulary, files.vocabulary.size());
    read_merges(merges, files.vocabulary, files.bpe);
    files.config = read_tokenizer_config(folder, default_tokens(), std::nullopt);
  }
  return files;
}

}  // namespace sd
