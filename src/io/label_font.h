#pragma once

#include <span>

namespace sd {

/// The file of the font that labels are drawn in, DejaVu Sans: the build puts it into the program
/// (its licence is in NOTICE).
std::span<const unsigned char> label_font();

}  // namespace sd
