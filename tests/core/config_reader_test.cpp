#include "core/config_reader.h"

#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/check.h"

namespace sd {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

ConfigReader read(const std::string& text) { return ConfigReader::from_text(text, "config.json"); }

std::string error_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kModel);
    return error.what();
  }
  return "no error";
}

TEST(ConfigReader, AbsentAndNullTakeTheDefault) {
  ConfigReader reader = read(R"({"a":null,"b":7,"c":1.5,"d":true,"e":"x"})");
  EXPECT_EQ(reader.get_int("a", 3), 3);
  EXPECT_EQ(reader.get_int("missing", 4), 4);
  EXPECT_EQ(reader.get_int("b", 0), 7);
  EXPECT_EQ(reader.get_double("b", 0), 7.0);
  EXPECT_EQ(reader.get_double("c", 0), 1.5);
  EXPECT_TRUE(reader.get_bool("d", false));
  EXPECT_EQ(reader.get_string("e", ""), "x");
  EXPECT_FALSE(reader.has("a"));
  reader.finish();
}

TEST(ConfigReader, Lists) {
  ConfigReader reader = read(R"({"one":8,"many":[1,2,3],"names":["a","b"],"flags":[true,false]})");
  EXPECT_THAT(reader.get_ints_or_one("one", 2, 0), ElementsAre(8, 8));
  EXPECT_THAT(reader.get_ints_or_one("many", 3, 0), ElementsAre(1, 2, 3));
  EXPECT_THAT(reader.get_ints_or_one("absent", 2, 5), ElementsAre(5, 5));
  EXPECT_THAT(reader.get_strings("names", {}), ElementsAre("a", "b"));
  EXPECT_THAT(reader.get_bools_or_one("flags", 2, false), ElementsAre(true, false));
  EXPECT_THAT(error_of([&] { reader.get_ints_or_one("many", 4, 0); }),
              AllOf(HasSubstr("'many'"), HasSubstr("4 entries"), HasSubstr("found 3")));
}

TEST(ConfigReader, WrongTypesNameKeyExpectedAndFound) {
  ConfigReader reader = read(R"({"a":"x","b":1.5,"c":[1,"y"]})");
  EXPECT_THAT(error_of([&] { reader.get_int("a", 0); }),
              AllOf(HasSubstr("config.json"), HasSubstr("'a'"), HasSubstr("whole number"),
                    HasSubstr("\"x\"")));
  EXPECT_THAT(error_of([&] { reader.get_int("b", 0); }), HasSubstr("1.5"));
  EXPECT_THAT(error_of([&] { reader.get_ints("c", {}); }), HasSubstr("a list"));
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

TEST(ConfigReader, BrokenJson) {
  EXPECT_THAT(error_of([] { read("{\"a\":"); }), HasSubstr("not valid JSON"));
  EXPECT_THAT(error_of([] { read("[1]"); }), HasSubstr("expected a JSON object"));
  EXPECT_THAT(error_of([] { read("{\"a\":" + std::string(100000, '[')); }),
              HasSubstr("nested too deeply"));
  EXPECT_THAT(error_of([] { ConfigReader::from_file("/nowhere/config.json"); }),
              HasSubstr("missing"));
  EXPECT_THAT(error_of([] { ConfigReader::from_file("/"); }), HasSubstr("cannot be opened"));
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
