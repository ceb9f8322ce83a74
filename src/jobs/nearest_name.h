#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace sd {

/// The name that differs least from `typed` (letters put in, left out, changed or swapped with
/// their neighbour), if it differs by at most a third of its letters.
std::optional<std::string_view> nearest_name(std::string_view typed,
                                             std::span<const std::string_view> names);

}  // namespace sd
