// Tokenizes lines for tests/parity/test_clip_tokenizer.py.
//
//   tokenize_tool FOLDER slow|fast MAX_LENGTH < strings.jsonl
//
// Each input line is a JSON string. Each output line is a JSON object: "ids" without begin and end,
// "input_ids" framed and padded, "truncated", and "decoded" ids; or "error".

#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "sd/error.h"

#include "text/clip_tokenizer.h"

namespace {

nlohmann::json tokenize(const sd::ClipTokenizer& tokenizer, const std::string& text,
                        int64_t max_length) {
  try {
    const auto ids = tokenizer.encode(text);
    const auto prompt = tokenizer.tokenize(text, max_length);
    return {{"ids", ids},
            {"input_ids", prompt.ids},
            {"truncated", prompt.truncated_text},
            {"decoded", tokenizer.decode(ids)}};
  } catch (const sd::Error& error) {
    return {{"error", error.what()}};
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  try {
    const auto flavor =
        std::string(argv[2]) == "slow" ? sd::ClipFlavor::kSlow : sd::ClipFlavor::kFast;
    const sd::ClipTokenizer tokenizer(argv[1], flavor);
    for (std::string line; std::getline(std::cin, line);) {
      const auto text = nlohmann::json::parse(line).get<std::string>();
      std::cout << tokenize(tokenizer, text, std::stoll(argv[3])).dump() << '\n';
    }
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
  return 0;
}
