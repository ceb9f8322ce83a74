#include "core/config_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/config_limits.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"

namespace sd {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr IntRange kSmall{1, 9};

ConfigReader read(const std::string& text) { return ConfigReader::from_text(text, "config.json"); }

TEST(ConfigReader, AbsentAndNullTakeTheDefault) {
  ConfigReader reader = read(R"({"a":null,"b":7,"c":1.5,"d":true,"e":"x"})");
  EXPECT_EQ(reader.get_int("a", 3, kSmall), 3);
  EXPECT_EQ(reader.get_int("missing", 4, kSmall), 4);
  EXPECT_EQ(reader.get_int("b", 0, kSmall), 7);
  EXPECT_EQ(reader.get_double("b", 0, kAnyRange), 7.0);
  EXPECT_EQ(reader.get_double("c", 0, kAnyRange), 1.5);
  EXPECT_TRUE(reader.get_bool("d", false));
  EXPECT_EQ(reader.get_string("e", ""), "x");
  EXPECT_FALSE(reader.has("a"));
  reader.finish();
}

TEST(ConfigReader, Lists) {
  ConfigReader reader = read(R"({"one":8,"many":[1,2,3],"names":["a","b"],"flags":[true,false]})");
  EXPECT_THAT(reader.get_ints_or_one("one", 2, 0, kSmall), ElementsAre(8, 8));
  EXPECT_THAT(reader.get_ints_or_one("many", 3, 0, kSmall), ElementsAre(1, 2, 3));
  EXPECT_THAT(reader.get_ints_or_one("absent", 2, 5, kSmall), ElementsAre(5, 5));
  EXPECT_THAT(reader.get_strings("names", {}), ElementsAre("a", "b"));
  EXPECT_THAT(reader.get_bools_or_one("flags", 2, false), ElementsAre(true, false));
  EXPECT_THAT(error_of([&] { reader.get_ints_or_one("many", 4, 0, kSmall); }),
              AllOf(HasSubstr("'many'"), HasSubstr("4 entries"), HasSubstr("found 3")));
}

TEST(ConfigReader, WrongTypesNameKeyExpectedAndFound) {
  ConfigReader reader = read(R"({"a":"x","b":1.5,"c":[1,"y"]})");
  EXPECT_THAT(error_of([&] { reader.get_int("a", 0, kSmall); }),
              AllOf(HasSubstr("config.json"), HasSubstr("'a'"),
                    HasSubstr("a whole number from 1 to 9"), HasSubstr("\"x\"")));
  EXPECT_THAT(error_of([&] { reader.get_int("b", 0, kSmall); }), HasSubstr("1.5"));
  EXPECT_THAT(error_of([&] { reader.get_ints("c", {}, kSmall); }), HasSubstr("a list"));
  EXPECT_THAT(error_of([&] { reader.get_bool("a", false); }), HasSubstr("true or false"));
}

TEST(ConfigReader, AnUnknownKeyThatSaysSomethingIsAnError) {
  ConfigReader harmless = read(R"({"_x":1,"n":null,"f":false,"s":"","l":[],"o":{}})");
  harmless.finish();
  ConfigReader strange = read(R"({"new_block":true})");
  EXPECT_THAT(error_of([&] { strange.finish(); }), HasSubstr("'new_block'"));
  strange.ignore({"new_block"});
  strange.finish();
}

TEST(ConfigReader, NumbersBeyondTheirRangeNameKeyExpectedAndFound) {
  struct Case {
    const char* value;
    const char* message;
  };
  for (const Case& c : {Case{"0", "'n' should be a whole number from 1 to 9, found 0"},
                        {"10", "'n' should be a whole number from 1 to 9, found 10"},
                        {"-1", "found -1"},
                        {"1000000000", "found 1000000000"},
                        {"18446744073709551615", "found 18446744073709551615"},
                        {"18446744073709551617", "found 1.8446744073709552e+19"},
                        {"1e12", "a whole number from 1 to 9, found 1000000000000.0"}}) {
    ConfigReader reader = read(std::string(R"({"n":)") + c.value + R"(,"l":[1,)" + c.value + "]}");
    EXPECT_THAT(error_of([&] { reader.get_int("n", 1, kSmall); }), HasSubstr(c.message));
    EXPECT_THAT(error_of([&] { reader.find_int("n", kSmall); }), HasSubstr(c.message));
    EXPECT_THAT(error_of([&] { reader.get_ints_or_one("n", 2, 1, kSmall); }), HasSubstr(c.message));
    EXPECT_THAT(error_of([&] { reader.get_int_lists_or_one("n", 2, 1, kSmall); }),
                HasSubstr(c.message));
    const auto in_list = AllOf(HasSubstr("'l' should be a list"), HasSubstr("from 1 to 9"));
    EXPECT_THAT(error_of([&] { reader.get_ints("l", {}, kSmall); }), in_list);
    EXPECT_THAT(error_of([&] { reader.get_ints_or_one("l", 2, 1, kSmall); }), in_list);
    EXPECT_THAT(error_of([&] { reader.get_int_lists_or_one("l", 2, 1, kSmall); }), in_list);
  }
}

TEST(ConfigReader, BothEndsOfARangeAreInIt) {
  ConfigReader reader = read(R"({"least":1,"most":9,"all":[1,9],"zero":0,"one":1})");
  EXPECT_EQ(reader.get_int("least", 5, kSmall), 1);
  EXPECT_EQ(reader.get_int("most", 5, kSmall), 9);
  EXPECT_THAT(reader.get_ints("all", {}, kSmall), ElementsAre(1, 9));
  EXPECT_EQ(reader.get_double("zero", 0.5, kPartRange), 0);
  EXPECT_EQ(reader.get_double("one", 0.5, kPartRange), 1);
}

TEST(ConfigReader, RealNumbersHaveARangeToo) {
  ConfigReader reader = read(R"({"r":-0.1,"l":[0.5,1.5]})");
  EXPECT_THAT(error_of([&] { reader.get_double("r", 0, kPartRange); }),
              HasSubstr("'r' should be a number from 0 to 1, found -0.1"));
  EXPECT_THAT(error_of([&] { reader.get_doubles("l", {}, kPartRange); }),
              HasSubstr("'l' should be a list, each a number from 0 to 1, found [0.5,1.5]"));
}

TEST(ConfigReader, ANumberBeyondADoubleIsNamedByItsKey) {
  EXPECT_THAT(error_of([] { read(R"({"a":{"beta_start":1},"beta_end":-1e400})"); }),
              HasSubstr("config.json: 'beta_end' should be a finite number, found -1e400"));
}

TEST(ConfigReader, BrokenJson) {
  EXPECT_THAT(error_of([] { read("{\"a\":"); }), HasSubstr("breaks off after 5 bytes"));
  EXPECT_THAT(error_of([] { read("{\"a"); }), HasSubstr("breaks off after 3 bytes"));
  EXPECT_THAT(error_of([] { read("{\"a\": tru"); }), HasSubstr("breaks off after 9 bytes"));
  EXPECT_THAT(error_of([] { read("{\"a\" 1}"); }), HasSubstr("not valid JSON (at byte 6)"));
  EXPECT_THAT(error_of([] { read("{\"a\": NaN}"); }), HasSubstr("not valid JSON (at byte 7)"));
  EXPECT_THAT(error_of([] { read("[1]"); }), HasSubstr("expected a JSON object"));
  EXPECT_THAT(error_of([] { read("{\"a\":" + std::string(100000, '[')); }),
              HasSubstr("nested too deeply"));
}

TEST(ConfigReader, Components) {
  ConfigReader reader = read(R"({"unet":["diffusers","U"],"none":[null,null],"flag":true})");
  EXPECT_TRUE(reader.is_component("unet"));
  EXPECT_TRUE(reader.is_component("none"));
  EXPECT_FALSE(reader.is_component("flag"));
  EXPECT_EQ(reader.get_component("unet").second, "U");
  EXPECT_EQ(reader.get_component("none").second, "");
}

}  // namespace
}  // namespace sd
