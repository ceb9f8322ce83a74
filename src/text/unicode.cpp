#include "text/unicode.h"

#include <algorithm>
#include <array>
#include <iomanip>
#include <sstream>
#include <utf8proc.h>
#include <vector>

#include "core/check.h"

namespace sd {
namespace {

constexpr char32_t kReplacement = 0xFFFD;
constexpr char32_t kCapitalSigma = 0x03A3;
constexpr char32_t kSmallSigma = 0x03C3;
constexpr char32_t kFinalSigma = 0x03C2;
constexpr char32_t kCapitalIWithDot = 0x0130;
constexpr char32_t kCombiningDotAbove = 0x0307;
constexpr char32_t kFirstCombiningMark = 0x0300;
constexpr char32_t kFirstComposed = 0x00C0;

// Cased characters that are neither Lu, Ll nor Lt: Other_Lowercase and Other_Uppercase (PropList).
constexpr std::array kOtherCased = {
    CharRange{0x00AA, 0x00AA},   CharRange{0x00BA, 0x00BA},   CharRange{0x02B0, 0x02B8},
    CharRange{0x02C0, 0x02C1},   CharRange{0x02E0, 0x02E4},   CharRange{0x0345, 0x0345},
    CharRange{0x037A, 0x037A},   CharRange{0x10FC, 0x10FC},   CharRange{0x1D2C, 0x1D6A},
    CharRange{0x1D78, 0x1D78},   CharRange{0x1D9B, 0x1DBF},   CharRange{0x2071, 0x2071},
    CharRange{0x207F, 0x207F},   CharRange{0x2090, 0x209C},   CharRange{0x2160, 0x217F},
    CharRange{0x24B6, 0x24E9},   CharRange{0x2C7C, 0x2C7D},   CharRange{0xA69C, 0xA69D},
    CharRange{0xA770, 0xA770},   CharRange{0xA7F2, 0xA7F4},   CharRange{0xA7F8, 0xA7F9},
    CharRange{0xAB5C, 0xAB5F},   CharRange{0xAB69, 0xAB69},   CharRange{0x10780, 0x10780},
    CharRange{0x10783, 0x10785}, CharRange{0x10787, 0x107B0}, CharRange{0x107B2, 0x107BA},
    CharRange{0x1E030, 0x1E06D}, CharRange{0x1F130, 0x1F149}, CharRange{0x1F150, 0x1F169},
    CharRange{0x1F170, 0x1F189},
};

// Case_Ignorable by Word_Break MidLetter, MidNumLet or Single_Quote (WordBreakProperty).
constexpr std::array<char32_t, 17> kMidWord = {U'\'',  U'.',   U':',   0x00B7, 0x0387, 0x055F,
                                               0x05F4, 0x2018, 0x2019, 0x2024, 0x2027, 0xFE13,
                                               0xFE52, 0xFE55, 0xFF07, 0xFF0E, 0xFF1A};

bool is_cased(char32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT: return true;
    default: return is_in(c, kOtherCased);
  }
}

bool is_case_ignorable(char32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK: return true;
    default: return std::binary_search(kMidWord.begin(), kMidWord.end(), c);
  }
}

/// Whether the capital sigma at `at` ends a word: a cased letter before it and none after it,
/// characters that case ignores not counted.
bool is_final_sigma(std::u32string_view text, size_t at) {
  const auto before = std::find_if_not(std::make_reverse_iterator(text.begin() + at), text.rend(),
                                       is_case_ignorable);
  if (before == text.rend() || !is_cased(*before)) return false;
  const auto after = std::find_if_not(text.begin() + at + 1, text.end(), is_case_ignorable);
  return after == text.end() || !is_cased(*after);
}

/// How many bytes at the start of `bytes` begin a well-formed sequence (Unicode Standard, table
/// 3-7), the whole of it or a part; 1 where the first byte begins none.
size_t maximal_subpart(std::string_view bytes) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned lead = byte(0);
  const size_t length = lead < 0xC2 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 1;
  size_t n = 1;
  for (; n < std::min(length, bytes.size()); ++n) {
    unsigned low = 0x80, high = 0xBF;
    if (n == 1) {
      if (lead == 0xE0) low = 0xA0;
      if (lead == 0xED) high = 0x9F;
      if (lead == 0xF0) low = 0x90;
      if (lead == 0xF4) high = 0x8F;
    }
    if (byte(n) < low || byte(n) > high) break;
  }
  return n;
}

utf8proc_ssize_t read_char(std::string_view bytes, utf8proc_int32_t* c) {
  return utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(bytes.data()),
                          static_cast<utf8proc_ssize_t>(bytes.size()), c);
}

constexpr auto kComposing = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);

/// Whether all characters are below `limit`.
bool all_below(std::u32string_view text, char32_t limit) {
  return std::all_of(text.begin(), text.end(), [&](char32_t c) { return c < limit; });
}

/// The canonical decomposition of all characters, with marks in canonical order.
std::vector<utf8proc_int32_t> decompose(std::u32string_view text) {
  constexpr size_t kLongestDecomposition = 8;  // 4 in Unicode 15
  std::vector<utf8proc_int32_t> chars;
  chars.reserve(text.size() + text.size() / 2);
  for (const char32_t c : text) {
    utf8proc_int32_t parts[kLongestDecomposition];
    const auto n = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), parts,
                                           kLongestDecomposition, kComposing, nullptr);
    chars.insert(chars.end(), parts, parts + n);
  }
  // utf8proc's own ordering is quadratic in a run of marks, so runs are sorted here.
  const auto combining_class = [](utf8proc_int32_t c) {
    return utf8proc_get_property(c)->combining_class;
  };
  for (auto begin = chars.begin(); begin != chars.end();) {
    const auto is_starter = [&](utf8proc_int32_t c) { return combining_class(c) == 0; };
    begin = std::find_if_not(begin, chars.end(), is_starter);
    const auto end = std::find_if(begin, chars.end(), is_starter);
    std::stable_sort(begin, end, [&](utf8proc_int32_t a, utf8proc_int32_t b) {
      return combining_class(a) < combining_class(b);
    });
    begin = end;
  }
  return chars;
}

}  // namespace

CharKind char_kind(char32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO: return CharKind::kLetter;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME: return CharKind::kMark;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return CharKind::kNumber;
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO: return CharKind::kPunctuation;
    case UTF8PROC_CATEGORY_SM:
    case UTF8PROC_CATEGORY_SC:
    case UTF8PROC_CATEGORY_SK:
    case UTF8PROC_CATEGORY_SO: return CharKind::kSymbol;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: return CharKind::kSeparator;
    default: return CharKind::kOther;
  }
}

bool is_assigned(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c)) != UTF8PROC_CATEGORY_CN;
}

bool is_nonspacing_mark(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c)) == UTF8PROC_CATEGORY_MN;
}

bool is_ideograph(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
         (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B820 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

bool is_space_separator(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c)) == UTF8PROC_CATEGORY_ZS;
}

bool is_white_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x85 ||
         (c >= 0x20 && char_kind(c) == CharKind::kSeparator);
}

bool is_python_space(char32_t c) { return (c >= 0x1C && c <= 0x1F) || is_white_space(c); }

bool is_word_char(char32_t c) {
  constexpr char32_t kNonJoiner = 0x200C, kJoiner = 0x200D;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_NO: return false;
    case UTF8PROC_CATEGORY_PC: return true;
    default: break;
  }
  const CharKind kind = char_kind(c);
  return kind == CharKind::kLetter || kind == CharKind::kMark || kind == CharKind::kNumber ||
         c == kNonJoiner || c == kJoiner || is_in(c, kOtherCased);
}

bool is_in(char32_t c, std::span<const CharRange> ranges) {
  const auto after = std::upper_bound(ranges.begin(), ranges.end(), c,
                                      [](char32_t x, const CharRange& r) { return x < r.first; });
  return after != ranges.begin() && c <= std::prev(after)->last;
}

std::u32string decode_utf8(std::string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    utf8proc_int32_t c = 0;
    const auto length = read_char(text.substr(at), &c);
    if (length <= 0) {
      std::ostringstream byte;
      byte << "0x" << std::hex << std::uppercase << std::setw(2) << std::setfill('0')
           << static_cast<int>(static_cast<unsigned char>(text[at]));
      fail(ErrorKind::kUsage, "the text is not UTF-8: no character begins with the byte ",
           byte.str(), " at offset ", at);
    }
    out.push_back(static_cast<char32_t>(c));
    at += static_cast<size_t>(length);
  }
  return out;
}

void append_utf8(std::string& out, char32_t c) {
  utf8proc_uint8_t bytes[4];
  const auto length = utf8proc_encode_char(static_cast<utf8proc_int32_t>(c), bytes);
  out.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(length));
}

std::string to_utf8(std::u32string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char32_t c : text) append_utf8(out, c);
  return out;
}

std::string repair_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    utf8proc_int32_t c = 0;
    if (const auto length = read_char(bytes, &c); length > 0) {
      out.append(bytes.substr(0, static_cast<size_t>(length)));
      bytes.remove_prefix(static_cast<size_t>(length));
    } else {
      append_utf8(out, kReplacement);
      bytes.remove_prefix(maximal_subpart(bytes));
    }
  }
  return out;
}

size_t grapheme_length(std::u32string_view text) {
  utf8proc_int32_t state = 0;
  size_t length = 1;
  while (length < text.size() &&
         !utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(text[length - 1]),
                                           static_cast<utf8proc_int32_t>(text[length]), &state)) {
    ++length;
  }
  return length;
}

std::u32string to_nfc(std::u32string_view text) {
  if (all_below(text, kFirstCombiningMark)) return std::u32string(text);
  std::vector<utf8proc_int32_t> chars = decompose(text);
  const auto length = utf8proc_normalize_utf32(
      chars.data(), static_cast<utf8proc_ssize_t>(chars.size()), kComposing);
  return {chars.begin(), chars.begin() + length};
}

std::u32string to_nfd(std::u32string_view text) {
  if (all_below(text, kFirstComposed)) return std::u32string(text);
  const std::vector<utf8proc_int32_t> chars = decompose(text);
  return {chars.begin(), chars.end()};
}

std::u32string to_lower(std::u32string_view text, SigmaRule sigma) {
  std::u32string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const char32_t c = text[i];
    if (c == kCapitalSigma && sigma == SigmaRule::kByContext) {
      out.push_back(is_final_sigma(text, i) ? kFinalSigma : kSmallSigma);
    } else if (c == kCapitalIWithDot) {  // the one lowercase of two characters (SpecialCasing)
      out.append({U'i', kCombiningDotAbove});
    } else {
      out.push_back(static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))));
    }
  }
  return out;
}

}  // namespace sd
