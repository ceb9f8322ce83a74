#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sd {

/// Which numbers a range is of.
enum class NumberKind { kWhole, kReal };

/// The numbers of a range as grids write them: "3:9:2", "1:5", "1-5", "1-10 (+2)", "1-10 [5]" (see
/// parse_axis), each as text, exact in decimals; those of "[5]" are rounded to 8 decimals. Nothing
/// where the text is no range. Errors: kUsage naming the flag and the text, for one that is wrong,
/// or has more than `most` numbers.
std::optional<std::vector<std::string>> expand_range(std::string_view flag, std::string_view text,
                                                     NumberKind kind, size_t most);

}  // namespace sd
