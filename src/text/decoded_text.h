#pragma once

#include <string>
#include <string_view>

namespace sd {

// What decoding does to text, in all tokenizers alike.

std::string replace_all(std::string_view text, std::string_view from, std::string_view to);

/// UTF-8 without Python's white space at both ends.
std::string strip(const std::string& text);

/// `clean_up_tokenization` of transformers, for folders that ask for it.
std::string clean_up_spaces(std::string text);

}  // namespace sd
