#include "cli/repaint.h"

#include <algorithm>
#include <array>
#include <optional>

#include "sd/error.h"

#include "jobs/parse_value.h"
#include "jobs/picture_parameters.h"
#include "jobs/sampler_names.h"

namespace sd {
namespace {

/// Fields whose value is that of an option.
struct Row {
  std::string_view key;
  std::string_view option;
  bool is_needed = false;
};

constexpr std::array kRows = {Row{"Model", "--model", true},
                              Row{"Variant", "--variant"},
                              Row{"Seed", "--seed", true},
                              Row{"Steps", "--steps", true},
                              Row{"CFG scale", "--scale", true},
                              Row{"Eta", "--eta"},
                              Row{"Guidance rescale", "--guidance-rescale"},
                              Row{"Timestep spacing", "--spacing"},
                              Row{"Denoising strength", "--strength"},
                              Row{kInitImageField, "--init-img"},
                              Row{kInitLatentsField, "--init-latents"},
                              Row{"Device", "--device", true},
                              Row{"Dtype", "--dtype", true}};

/// An option with its value, which may begin with a hyphen.
void add(std::vector<std::string>& arguments, std::string_view option, const std::string& value) {
  arguments.emplace_back(option);
  if (value.starts_with('-') && value != "-") {
    arguments.back() += "=" + value;
  } else {
    arguments.push_back(value);
  }
}

/// The fields whose option has another name or form of value. False where one says nothing.
bool add_translated(std::vector<std::string>& arguments, const Infotext& parameters) {
  const auto sampler = find_sampler(parameters.field("Sampler").value_or(""));
  const std::string size = parameters.field("Size").value_or("");
  const size_t cross = size.find('x');
  if (!sampler || cross == size.npos) return false;
  add(arguments, "--width", size.substr(0, cross));
  add(arguments, "--height", size.substr(cross + 1));
  add(arguments, "--sampler", std::string(*sampler));
  if (parameters.field("Schedule type") == "Karras") add(arguments, "--sigmas", "karras");
  if (const auto skip = parameters.field("Clip skip")) {
    try {
      add(arguments, "--clip-skip", std::to_string(parse_integer("", *skip, 1, 1000) - 1));
    } catch (const Error&) {
      return false;
    }
  }
  if (parameters.field(kTilingField)) arguments.emplace_back("--vae-tiling");
  return true;
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
  const bool has_start = parameters.field("Denoising strength").has_value();
  const bool names_start = parameters.field(kInitImageField) || parameters.field(kInitLatentsField);
  if (has_start != names_start) return {};
  std::vector<std::string> arguments = {has_start ? "img2img" : "txt2img"};
  add(arguments, "--prompt", parameters.prompt);
  if (!parameters.negative_prompt.empty()) {
    add(arguments, "--negative-prompt", parameters.negative_prompt);
  }
  for (const Row& row : kRows) {
    const auto value = parameters.field(row.key);
    if (value) add(arguments, row.option, *value);
    if (!value && row.is_needed) return {};
  }
  if (!add_translated(arguments, parameters)) return {};
  return arguments;
}

std::string print_command(const std::vector<std::string>& arguments) {
  std::string line = "sd";
  for (const std::string& argument : arguments) line += " " + quote(argument);
  return line;
}

}  // namespace sd
