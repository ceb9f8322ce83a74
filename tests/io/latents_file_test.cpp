#include "io/latents_file.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <limits>

#include "io/safetensors_writer.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"

namespace sd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace fs = std::filesystem;

class LatentsFileTest : public ::testing::Test {
 protected:
  std::string error_of_tensor(const std::string& key, const std::string& dtype,
                              const std::vector<int64_t>& shape, std::vector<float> values) {
    const fs::path path = folder_ / "wrong.safetensors";
    write_safetensors(path, {{key, {dtype, shape, std::as_bytes(std::span(values))}}}, {},
                      OnExist::kOverwrite);
    return error_of_reading(path);
  }
  static std::string error_of_reading(const fs::path& path) {
    return error_of([&] { read_latents(path); }, ErrorKind::kInput);
  }

  TemporaryFolder folder_;
};

// The fixtures hold the numbers of tools/fixtures/latents.py, written by the safetensors package.
TEST_F(LatentsFileTest, ReadsWhatPythonWrote) {
  const std::vector<float> exact = {
      0, -0.0F, 1, -2.5F, 0.333251953125F, 65504, 5.9604644775390625e-8F, 6.103515625e-5F};
  for (const char* name : {"fp32", "fp16"}) {
    const Latents latents =
        read_latents(fs::path(SD_TEST_DATA) / "latents" / (std::string(name) + ".safetensors"));
    EXPECT_THAT(latents.shape, ElementsAre(2, 1, 4)) << name;
    EXPECT_EQ(latents.values, exact) << name;
    EXPECT_TRUE(std::signbit(latents.values.at(1))) << name;
  }
  const Latents latents = read_latents(SD_TEST_DATA "/latents/bf16.safetensors");
  EXPECT_THAT(latents.values, ElementsAre(0, 0, 1, -2.5F, 0.333984375F, 65536,
                                          5.9604644775390625e-8F, 6.103515625e-5F));
}

TEST_F(LatentsFileTest, ReadsBackWhatItWrote) {
  const fs::path path = folder_ / "a.safetensors";
  Latents latents = {{1, 2, 3}, {1.5F, -2, 1e-30F, 3e38F, 0, 7}};
  write_latents(path, latents, OnExist::kOverwrite);
  const Latents read = read_latents(path);
  EXPECT_EQ(read.shape, latents.shape);
  EXPECT_EQ(read.values, latents.values);
  EXPECT_THROW(write_latents(path, latents, OnExist::kFail), Error);
  EXPECT_THROW(write_latents(folder_ / "no/a", latents, OnExist::kFail), Error);
}

TEST_F(LatentsFileTest, RefusesWhatIsNoLatents) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(error_of_tensor("x", "F32", {1, 1, 1}, {1}),
              HasSubstr("expected the tensor latents"));
  EXPECT_THAT(error_of_tensor("latents", "F32", {2, 1, 1, 1}, {1, 2}),
              HasSubstr("found [2, 1, 1, 1]"));
  EXPECT_THAT(error_of_tensor("latents", "F32", {2}, {1, 2}), HasSubstr("found [2]"));
  EXPECT_THAT(error_of_tensor("latents", "F32", {0, 1, 1}, {}), HasSubstr("found [0, 1, 1]"));
  EXPECT_THAT(error_of_tensor("latents", "I32", {1, 1, 1}, {1}), HasSubstr("found I32"));
  EXPECT_THAT(error_of_tensor("latents", "F32", {1, 1, 2}, {1, nan}), HasSubstr("at position 1"));
  EXPECT_THAT(error_of_reading(folder_.path()), HasSubstr("found a folder"));
  EXPECT_THAT(error_of_reading(folder_ / "no"), HasSubstr("the file is missing"));
  std::ofstream(folder_ / "junk") << "this is no safetensors file";
  EXPECT_THAT(error_of_reading(folder_ / "junk"), HasSubstr("junk"));
}

}  // namespace
}  // namespace sd
