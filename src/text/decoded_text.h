#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace sd {

// What decoding does to text, in all tokenizers alike.

/// `PreTrainedTokenizer._decode` of transformers: tokens of `separate` stand between spaces, and so
/// does each run of the others, which `text_of` makes a text.
std::string decode_runs(std::vector<std::string> tokens,
                        const std::set<std::string, std::less<>>& separate,
                        const std::function<std::string(std::vector<std::string>)>& text_of);

std::string replace_all(std::string_view text, std::string_view from, std::string_view to);

/// UTF-8 without Python's white space at both ends.
std::string strip(const std::string& text);

/// `clean_up_tokenization` of transformers, for folders that ask for it.
std::string clean_up_spaces(std::string text);

}  // namespace sd
