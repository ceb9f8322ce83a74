#include "jobs/negative_presets.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "jobs/parse_value.h"

namespace sd {
namespace {

struct Preset {
  std::string_view name;
  std::string_view text;
};

constexpr std::array kPresets = {
    // NEGATIVE_PROMPT of github.com/Tencent/HunyuanDiT, hydit/constants.py, with the comma at its
    // end: wrong eyes, bad faces, disfigurement, bad art, deformation, extra limbs, blurry colours,
    // blur, repetition, illness, mutilation.
    Preset{"hunyuan",
           "错误的眼睛，糟糕的人脸，毁容，糟糕的艺术，变形，多余的肢体，模糊的颜色，模糊，重复，"
           "病态，残缺，"},
};

constexpr auto kNames = [] {
  std::array<std::string_view, kPresets.size()> names;
  std::ranges::transform(kPresets, names.begin(), &Preset::name);
  return names;
}();

}  // namespace

std::span<const std::string_view> negative_preset_names() { return kNames; }

std::string parse_negative_preset(std::string_view flag, std::string_view name) {
  const std::string known = parse_choice(flag, name, kNames);
  return std::string(std::ranges::find(kPresets, known, &Preset::name)->text);
}

}  // namespace sd
