#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "sd/error.h"

namespace sd {

/// What the sd::Error says that `work` throws, which must be of that kind and in one line. The test
/// fails where there is none, and the answer is empty.
template <typename Work>
std::string error_of(Work&& work, ErrorKind kind = ErrorKind::kModel) {
  try {
    work();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    EXPECT_THAT(error.what(), ::testing::Not(::testing::HasSubstr("\n")));
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return "";
}

/// Expects such an error, which says `part`.
template <typename Work>
void expect_error(Work&& work, ErrorKind kind, const std::string& part) {
  EXPECT_THAT(error_of(work, kind), ::testing::HasSubstr(part));
}

}  // namespace sd
