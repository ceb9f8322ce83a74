// Tokenizes lines for tests/parity/test_*_tokenizer.py.
//
//   tokenize_tool clip|sentencepiece|wordpiece FOLDER slow|fast MAX_LENGTH < strings.jsonl
//
// Each input line is a JSON string. Each output line is a JSON object: "ids" without begin and end,
// "input_ids" framed and padded, "token_count" of them before the padding, "truncated", "unknown"
// words, and "decoded" ids; or "error".

#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "sd/error.h"

#include "text/clip_tokenizer.h"
#include "text/sentencepiece_tokenizer.h"
#include "text/wordpiece_tokenizer.h"

namespace {

template <typename Tokenizer>
nlohmann::json tokenize(const Tokenizer& tokenizer, const std::string& text, int64_t max_length) {
  try {
    const auto ids = tokenizer.encode(text);
    const auto prompt = tokenizer.tokenize(text, max_length);
    return {{"ids", ids},
            {"input_ids", prompt.ids},
            {"token_count", prompt.token_count},
            {"truncated", prompt.truncated_text},
            {"unknown", prompt.unknown_words},
            {"decoded", tokenizer.decode(ids)}};
  } catch (const sd::Error& error) {
    return {{"error", error.what()}};
  }
}

template <typename Tokenizer>
void tokenize_lines(const Tokenizer& tokenizer, int64_t max_length) {
  for (std::string line; std::getline(std::cin, line);) {
    const auto text = nlohmann::json::parse(line).get<std::string>();
    std::cout << tokenize(tokenizer, text, max_length).dump(-1, ' ', true) << '\n';
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  try {
    const bool slow = std::string(argv[3]) == "slow";
    const int64_t max_length = std::stoll(argv[4]);
    if (std::string(argv[1]) == "clip") {
      const auto flavor = slow ? sd::ClipFlavor::kSlow : sd::ClipFlavor::kFast;
      tokenize_lines(sd::ClipTokenizer(argv[2], flavor), max_length);
    } else if (std::string(argv[1]) == "wordpiece") {
      const auto flavor = slow ? sd::WordPieceFlavor::kSlow : sd::WordPieceFlavor::kFast;
      tokenize_lines(sd::WordPieceTokenizer(argv[2], flavor), max_length);
    } else {
      const auto flavor = slow ? sd::SentencePieceFlavor::kSlow : sd::SentencePieceFlavor::kFast;
      tokenize_lines(sd::SentencePieceTokenizer(argv[2], flavor), max_length);
    }
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
  return 0;
}
