#include "cli/repaint.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "sd/error.h"

#include "jobs/picture_fields.h"
#include "jobs/picture_parameters.h"
#include "jobs/sampler_names.h"

namespace sd {
namespace {

/// Keys without which it is not known what was painted.
constexpr std::array<std::string_view, 9> kNeeded = {"model", "seed",  "steps",  "scale",  "device",
                                                     "dtype", "width", "height", "sampler"};

/// An option with its value, which may begin with a hyphen.
void add(std::vector<std::string>& arguments, std::string_view option, const std::string& value) {
  arguments.emplace_back(option);
  if (value.starts_with('-') && value != "-") {
    arguments.back() += "=" + value;
  } else {
    arguments.push_back(value);
  }
}

/// What the parameters say; nothing where they do not say enough.
std::vector<PictureValue> known_values(const Infotext& parameters) {
  std::vector<PictureValue> values;
  try {
    values = picture_values(parameters);
  } catch (const Error&) {
    return {};
  }
  const bool has_all = std::ranges::all_of(kNeeded, [&](std::string_view key) {
    return std::ranges::find(values, key, &PictureValue::key) != values.end();
  });
  const bool has_sampler = find_sampler(parameters.field("Sampler").value_or("")).has_value();
  return has_all && has_sampler ? values : std::vector<PictureValue>();
}

/// "--init-img" for "init_img"
std::string option_of(std::string_view key) {
  std::string option = "--" + std::string(key);
  std::ranges::replace(option, '_', '-');
  return option;
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

/// Bare where the shell leaves it alone; with control characters as $'…', which POSIX 2024 has.
std::string quote(const std::string& word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+.,/:@%=";
  if (!word.empty() && word.find_first_not_of(kPlain) == word.npos) return word;
  const bool needs_escapes = std::ranges::any_of(word, is_control);
  std::string quoted = needs_escapes ? "$'" : "'";
  for (const char c : word) {
    if (is_control(c)) {
      constexpr std::string_view kOctal = "01234567";
      const auto byte = static_cast<unsigned char>(c);
      quoted += {'\\', kOctal[byte >> 6], kOctal[byte >> 3 & 7], kOctal[byte & 7]};
    } else if (c == '\'') {
      quoted += needs_escapes ? "\\'" : "'\\''";
    } else if (c == '\\' && needs_escapes) {
      quoted += "\\\\";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

}  // namespace

std::vector<std::string> repaint_arguments(const Infotext& parameters) {
  const bool is_img2img = has_start(parameters);
  const bool names_start = parameters.field(kInitImageField) || parameters.field(kInitLatentsField);
  if (is_img2img != names_start || is_contact_sheet(parameters)) return {};
  const std::vector<PictureValue> values = known_values(parameters);
  if (values.empty()) return {};
  std::vector<std::string> arguments = {is_img2img ? "img2img" : "txt2img"};
  add(arguments, "--prompt", parameters.prompt);
  if (!parameters.negative_prompt.empty()) {
    add(arguments, "--negative-prompt", parameters.negative_prompt);
  }
  for (const PictureValue& value : values) {
    if (value.key == "vae_tiling" || value.key == "no_t5") {
      arguments.push_back(option_of(value.key));
    } else if (value.key == "resolution_binning") {
      arguments.emplace_back(value.value == "true" ? "--resolution-binning"
                                                   : "--no-resolution-binning");
    } else if (value.key == "rounded_times") {
      if (value.value == "true") arguments.push_back(option_of(value.key));
    } else {
      add(arguments, option_of(value.key), value.value);
    }
  }
  return arguments;
}

std::string print_command(const std::vector<std::string>& arguments) {
  std::string line = "sd";
  for (const std::string& argument : arguments) line += " " + quote(argument);
  return line;
}

}  // namespace sd
