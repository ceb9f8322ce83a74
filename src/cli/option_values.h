#pragma once

#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "cli/arguments.h"
#include "cli/options.h"
#include "core/check.h"
#include "jobs/parse_value.h"

// What options take, for the tables of options.cpp.
namespace sd::takes {

/// That field of the arguments, or of what they hold: request, load options, batch, grid, eval,
/// guidance.
template <typename Owner, typename Field>
Field& field_of(Arguments& arguments, Field Owner::*field) {
  if constexpr (std::is_same_v<Owner, Request>) {
    return arguments.request.*field;
  } else if constexpr (std::is_same_v<Owner, LoadOptions>) {
    return arguments.load.*field;
  } else if constexpr (std::is_same_v<Owner, BatchArguments>) {
    return arguments.batch.*field;
  } else if constexpr (std::is_same_v<Owner, SkipLayerGuidance>) {
    return arguments.request.skip_layers.*field;
  } else if constexpr (std::is_same_v<Owner, GridArguments>) {
    return arguments.grid.*field;
  } else if constexpr (std::is_same_v<Owner, EvalArguments>) {
    return arguments.eval.*field;
  } else {
    return arguments.*field;
  }
}

/// Stores what `parse`(flag, text) returns.
template <typename Owner, typename Field, typename Parse>
OptionValue parsed(Field Owner::*field, std::string allowed, Parse parse) {
  return {std::move(allowed),
          [field, parse](Arguments& arguments, std::string_view flag, const std::string& text) {
            field_of(arguments, field) = parse(flag, text);
          }};
}

/// With words for completion.
inline OptionValue proposing(std::span<const std::string_view> words, OptionValue value) {
  value.words.assign(words.begin(), words.end());
  return value;
}

/// A whole number from `low` to `high`.
template <typename Owner, typename Field>
OptionValue whole(Field Owner::*field, int low, int high) {
  return parsed(field, print_range(int64_t{low}, int64_t{high}),
                [=](std::string_view flag, const std::string& text) {
                  return static_cast<int>(parse_integer(flag, text, low, high));
                });
}

/// A number from `low` to `high`.
template <typename Owner, typename Field>
OptionValue real(Field Owner::*field, double low, double high) {
  return parsed(field, print_range(low, high), [=](std::string_view flag, const std::string& text) {
    return parse_real(flag, text, low, high);
  });
}

/// Whole numbers from `low` to `high` with commas between, or none.
template <typename Owner>
OptionValue integers(std::vector<int> Owner::*field, int low, int high) {
  return parsed(field,
                concat_text("numbers from ", print_range(int64_t{low}, int64_t{high}), ", or none"),
                [=](std::string_view flag, const std::string& text) {
                  return parse_integers(flag, text, low, high);
                });
}

/// One of `names`, which must outlive the option, in upper or lower case.
template <typename Owner, typename Field>
OptionValue choice(Field Owner::*field, std::span<const std::string_view> names) {
  OptionValue value =
      parsed(field, print_choices(names), [=](std::string_view flag, const std::string& text) {
        return parse_choice(flag, text, names);
      });
  return proposing(names, std::move(value));
}

/// Sides in pixels, from 1 to `most`.
template <typename Owner>
OptionValue pixel_size(std::optional<PixelSize> Owner::*field, int most) {
  return parsed(
      field, concat_text("sides from ", print_range(int64_t{1}, int64_t{most})),
      [=](std::string_view flag, const std::string& text) { return parse_size(flag, text, most); });
}

/// Any text in UTF-8.
template <typename Owner, typename Field>
OptionValue text(Field Owner::*field) {
  return parsed(field, "", parse_text);
}

/// The name of a file or folder.
template <typename Owner, typename Field>
OptionValue path(Field Owner::*field) {
  OptionValue value = parsed(field, "", parse_path);
  value.is_path = true;
  return value;
}

/// An option without a value, which means `value`.
template <typename Owner, typename Field>
OptionValue flag(Field Owner::*field, bool value = true) {
  return parsed(field, "", [=](std::string_view, const std::string&) { return value; });
}

}  // namespace sd::takes
