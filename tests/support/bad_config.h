#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <ostream>
#include <string>

#include "core/config_reader.h"
#include "tests/support/errors.h"

namespace sd {

/// A config that must be refused, and what the message must say besides its file.
struct BadConfig {
  std::string json;
  std::string message;

  friend void PrintTo(const BadConfig& bad, std::ostream* out) { *out << bad.json; }
};

/// `read`, a function of a ConfigReader, must refuse the config and name its file.
template <typename Read>
void expect_refused(const BadConfig& bad, Read&& read) {
  const auto work = [&] { read(ConfigReader::from_text(bad.json, "x/config.json")); };
  EXPECT_THAT(error_of(work), ::testing::AllOf(::testing::StartsWith("x/config.json"),
                                               ::testing::HasSubstr(bad.message)));
}

}  // namespace sd
