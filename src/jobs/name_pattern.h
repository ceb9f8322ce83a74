#pragma once

#include <cstdint>
#include <ctime>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "jobs/name_pieces.h"

namespace sd {

/// What a picture is made of, as far as names tell it. What is left to the model (an empty sampler,
/// no steps, scale, width or height) is "default" in names.
struct NameValues {
  std::uint64_t index = 0;
  std::uint64_t seed = 0;
  std::string prompt = {};
  std::string negative_prompt = {};
  std::string sampler = {};  ///< as --sampler takes it
  std::optional<int> steps = {};
  std::optional<double> scale = {};
  std::optional<int> width = {};
  std::optional<int> height = {};
  std::string model = {};
  std::time_t time = 0;  ///< of the run, told in the local time zone
};

/// Names of pictures, in which placeholders stand for what each is made of.
class NamePattern {
 public:
  /// Reads a pattern as read_name_pattern does. Errors: kUsage, naming `flag`.
  static NamePattern parse(std::string_view flag, std::string_view pattern,
                           std::span<const Placeholder> allowed);

  /// The name for these values. A / stands between folders only where the pattern itself has it:
  /// values are made safe by safe_name. Texts are shortened, the longest first, where a part
  /// between / would have more bytes than file systems take. Errors: kUsage where that is not
  /// enough.
  std::string print(const NameValues& values) const;

  bool has(Placeholder placeholder) const;

  /// Whether every picture gets the same name.
  bool is_fixed() const;

 private:
  NamePattern(std::string_view flag, std::vector<NamePiece> pieces)
      : flag_(flag), pieces_(std::move(pieces)) {}

  std::string flag_;
  std::vector<NamePiece> pieces_;
};

/// Errors: kUsage where a name of that many bytes is too long, naming `flag`.
void check_name_length(std::string_view flag, std::size_t length);

}  // namespace sd
