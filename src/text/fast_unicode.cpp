#include "text/fast_unicode.h"

#include <algorithm>
#include <array>

#include "text/unicode.h"

namespace sd::fast {
namespace {

// What has a combining class or a canonical composition since Unicode 10.
constexpr std::array kUnknownToNormalization = {
    CharRange{0x07FD, 0x07FD},   CharRange{0x0898, 0x089F},   CharRange{0x08CA, 0x08D3},
    CharRange{0x09FE, 0x09FE},   CharRange{0x0C3C, 0x0C3C},   CharRange{0x0D3B, 0x0D3C},
    CharRange{0x0EBA, 0x0EBA},   CharRange{0x0ECE, 0x0ECE},   CharRange{0x1715, 0x1715},
    CharRange{0x1ABF, 0x1ACE},   CharRange{0x1DF6, 0x1DFA},   CharRange{0xA82C, 0xA82C},
    CharRange{0x10D24, 0x10D27}, CharRange{0x10EAB, 0x10EAC}, CharRange{0x10EFD, 0x10EFF},
    CharRange{0x10F46, 0x10F50}, CharRange{0x10F82, 0x10F85}, CharRange{0x11070, 0x11070},
    CharRange{0x1133B, 0x1133B}, CharRange{0x1145E, 0x1145E}, CharRange{0x11839, 0x1183A},
    CharRange{0x11930, 0x11930}, CharRange{0x11935, 0x11935}, CharRange{0x11938, 0x11938},
    CharRange{0x1193D, 0x1193E}, CharRange{0x11943, 0x11943}, CharRange{0x119E0, 0x119E0},
    CharRange{0x11A34, 0x11A34}, CharRange{0x11A47, 0x11A47}, CharRange{0x11A99, 0x11A99},
    CharRange{0x11D42, 0x11D42}, CharRange{0x11D44, 0x11D45}, CharRange{0x11D97, 0x11D97},
    CharRange{0x11F41, 0x11F42}, CharRange{0x16FF0, 0x16FF1}, CharRange{0x1E08F, 0x1E08F},
    CharRange{0x1E130, 0x1E136}, CharRange{0x1E2AE, 0x1E2AE}, CharRange{0x1E2EC, 0x1E2EF},
    CharRange{0x1E4EC, 0x1E4EF},
};

// Where all punctuation, nonspacing marks and control characters are newer than Unicode 8. What
// else these ranges hold has none of those categories in any version.
constexpr std::array kNewCategories = {
    CharRange{0x061D, 0x061D},   CharRange{0x07FD, 0x07FD},   CharRange{0x0890, 0x08E2},
    CharRange{0x09FD, 0x09FE},   CharRange{0x0A76, 0x0A76},   CharRange{0x0AFA, 0x0AFF},
    CharRange{0x0B55, 0x0B55},   CharRange{0x0C04, 0x0C3C},   CharRange{0x0C77, 0x0C77},
    CharRange{0x0C84, 0x0C84},   CharRange{0x0D00, 0x0D00},   CharRange{0x0D3B, 0x0D3C},
    CharRange{0x0D81, 0x0D81},   CharRange{0x0EBA, 0x0EBA},   CharRange{0x0ECE, 0x0ECE},
    CharRange{0x180F, 0x1886},   CharRange{0x1ABF, 0x1ACE},   CharRange{0x1B7D, 0x1B7E},
    CharRange{0x1DF6, 0x1DFB},   CharRange{0x2E43, 0x2E5D},   CharRange{0xA82C, 0xA82C},
    CharRange{0xA8C5, 0xA8C5},   CharRange{0xA8FF, 0xA8FF},   CharRange{0xA9BD, 0xA9BD},
    CharRange{0x10D24, 0x10F89}, CharRange{0x11070, 0x11074}, CharRange{0x110C2, 0x110CD},
    CharRange{0x111C9, 0x111C9}, CharRange{0x111CF, 0x111CF}, CharRange{0x1123E, 0x11241},
    CharRange{0x1133B, 0x1133B}, CharRange{0x11438, 0x1145E}, CharRange{0x11660, 0x1166C},
    CharRange{0x116B9, 0x116B9}, CharRange{0x1182F, 0x11FFF}, CharRange{0x12FF1, 0x13455},
    CharRange{0x16E97, 0x16F4F}, CharRange{0x16FE2, 0x16FE4}, CharRange{0x1CF00, 0x1CF46},
    CharRange{0x1E000, 0x1E4EF}, CharRange{0x1E944, 0x1E95F},
};

// What has lost or changed such a category since.
constexpr char32_t kCanadianChi = 0x166D;      // Po, now So
constexpr char32_t kHanunooPamudpod = 0x1734;  // Mn, now Mc
constexpr char32_t kSharadaSandhi = 0x111C9;   // Po, now Mn

template <typename Normalize>
std::u32string normalize_known(std::u32string_view text, Normalize normalize) {
  std::u32string out;
  out.reserve(text.size());
  const auto is_unknown = [](char32_t c) { return is_in(c, kUnknownToNormalization); };
  for (auto begin = text.begin(); begin != text.end();) {
    const auto end = std::find_if(begin, text.end(), is_unknown);
    out += normalize(std::u32string_view(begin, end));
    begin = end;
    if (begin != text.end()) out.push_back(*begin++);
  }
  return out;
}

bool is_new(char32_t c) { return is_in(c, kNewCategories); }

}  // namespace

std::u32string to_nfc(std::u32string_view text) { return normalize_known(text, sd::to_nfc); }

std::u32string to_nfd(std::u32string_view text) { return normalize_known(text, sd::to_nfd); }

bool is_other(char32_t c) {
  return char_kind(c) == CharKind::kOther && is_assigned(c) && !is_new(c);
}

bool is_punctuation(char32_t c) {
  if (c == kCanadianChi || c == kSharadaSandhi) return true;
  return char_kind(c) == CharKind::kPunctuation && !is_new(c);
}

bool is_nonspacing_mark(char32_t c) {
  return c == kHanunooPamudpod || (sd::is_nonspacing_mark(c) && !is_new(c));
}

}  // namespace sd::fast
