#include "cli/prompt_file.h"

#include <gmock/gmock.h>
#include <set>

#include "core/check.h"
#include "tests/cli/cli_fixture.h"

namespace sd::testing {
namespace {

using ::testing::ElementsAre;

std::string encode_utf8(uint32_t code) {
  const auto tail = [](uint32_t bits) { return static_cast<char>(0x80U | (bits & 0x3fU)); };
  if (code < 0x80) return {static_cast<char>(code)};
  if (code < 0x800) return {static_cast<char>(0xc0U | code >> 6U), tail(code)};
  return {static_cast<char>(0xe0U | code >> 12U), tail(code >> 6U), tail(code)};
}

TEST(SplitLines, EndsLinesWherePythonDoes) {
  // CPython 3.11: [c for c in range(0x3000) if len(f"a{chr(c)}b".splitlines()) > 1]
  const std::set<uint32_t> ends = {0x0a, 0x0b, 0x0c, 0x0d, 0x1c, 0x1d, 0x1e, 0x85, 0x2028, 0x2029};
  for (uint32_t code = 0; code < 0x3000; ++code) {
    const std::string text = concat_text("a", encode_utf8(code), "b");
    EXPECT_EQ(split_lines(text).size(), 1 + ends.count(code)) << code;
  }
}

TEST(SplitLines, KeepsEmptyLinesButNotOneAfterTheLastEnd) {
  EXPECT_THAT(split_lines("a\n\nb"), ElementsAre("a", "", "b"));
  EXPECT_THAT(split_lines("a\r\nb\r"), ElementsAre("a", "b"));
  EXPECT_THAT(split_lines("a\n\r\n"), ElementsAre("a", ""));
  EXPECT_THAT(split_lines("\n"), ElementsAre(""));
  EXPECT_THAT(split_lines(" a \t"), ElementsAre(" a \t"));
  EXPECT_THAT(split_lines(""), ElementsAre());
}

using PromptFileTest = CliTest;

TEST_F(PromptFileTest, LeavesOutTheByteOrderMarkAlone) {
  write_file("f", "\xef\xbb\xbf# a\n\xef\xbb\xbf");
  EXPECT_THAT(read_prompt_file("f"), ElementsAre("# a", "\xef\xbb\xbf"));
}

}  // namespace
}  // namespace sd::testing
