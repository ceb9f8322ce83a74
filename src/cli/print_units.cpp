#include "cli/print_units.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "core/check.h"

namespace sd {

std::string print_duration(double seconds) {
  struct Unit {
    const char* name;
    long long seconds;
  };
  constexpr Unit kUnits[] = {{" d", 86400}, {" h", 3600}, {" min", 60}, {" s", 1}};
  const long long whole = std::max(1LL, std::llround(seconds));
  const auto* unit =
      std::ranges::find_if(kUnits, [&](const Unit& u) { return whole >= u.seconds; });
  std::string text = concat_text(whole / unit->seconds, unit->name);
  const long long left = whole % unit->seconds;
  constexpr long long kFew = 10;  // beyond that the smaller unit says nothing
  if (whole / unit->seconds >= kFew || left == 0) return text;
  const Unit& smaller = *(unit + 1);
  if (left >= smaller.seconds) text += concat_text(" ", left / smaller.seconds, smaller.name);
  return text;
}

std::string print_gigabytes(double bytes) {
  constexpr double kGigabyte = 1e9;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f GB", bytes / kGigabyte);
  return text.data();
}

}  // namespace sd
