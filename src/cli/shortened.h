#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sd {

/// Bytes of the longest sentence that is shown whole.
inline constexpr std::size_t kLongestSentence = 300;

/// The sentence; of a longer one the beginning and how many words were left out. A quotation mark
/// at its end is kept, since what makes sentences long is a prompt in them.
std::string shortened(std::string_view sentence);

/// Bytes of the longest error that is printed whole: two paths fit in.
inline constexpr std::size_t kLongestError = 10000;

/// The sentence; of a longer error, which quotes a hostile name, the beginning and the end.
std::string without_middle(std::string_view error);

}  // namespace sd
