#include "io/weights.h"

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <sys/stat.h>

#include "core/tensor_ops.h"
#include "io/safetensors_writer.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/unprivileged.h"

namespace sd {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::string bytes_of(const std::string& header, const std::string& data) {
  const uint64_t length = header.size();
  std::string file(8, '\0');
  std::memcpy(file.data(), &length, 8);
  return file + header + data;
}

SafetensorsHeader parse(const std::string& file) {
  return parse_safetensors_header(std::as_bytes(std::span(file)), "x.safetensors");
}

struct BadFile {
  const char* name;
  std::string file;
  const char* message;
};

void PrintTo(const BadFile& bad, std::ostream* out) { *out << bad.name; }

class BadSafetensors : public ::testing::TestWithParam<BadFile> {};

TEST_P(BadSafetensors, IsRefusedInOneSentence) {
  const std::string message = error_of([] { parse(GetParam().file); });
  EXPECT_THAT(message, AllOf(HasSubstr("x.safetensors"), HasSubstr(GetParam().message)));
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

std::string length_field(uint64_t length) {
  std::string field(8, '\0');
  std::memcpy(field.data(), &length, 8);
  return field;
}

constexpr const char* kOne = R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";

INSTANTIATE_TEST_SUITE_P(
    Catalogue, BadSafetensors,
    ::testing::Values(
        BadFile{"ZeroBytes", "", "0 bytes"}, BadFile{"SevenBytes", "1234567", "7 bytes"},
        BadFile{"OnlyALength", length_field(4), "cut short"},
        BadFile{"LengthOfAllOnes", length_field(UINT64_MAX) + "{}", "header would be"},
        BadFile{"OverAHundredMegabytes", length_field(100'000'001) + "{}", "header would be"},
        BadFile{"HeaderBeyondTheFile", length_field(1000) + "{}", "cut short"},
        BadFile{"EmptyHeader", bytes_of("", ""), "does not begin with '{'"},
        BadFile{"ArrayAtTheTop", bytes_of("[]", ""), "does not begin with '{'"},
        BadFile{"ByteOrderMark", bytes_of("\xEF\xBB\xBF{}", ""), "does not begin with '{'"},
        BadFile{"TruncatedJson", bytes_of(R"({"a":{"dtype")", ""), "not valid JSON"},
        BadFile{"InvalidUtf8", bytes_of("{\"\xFF\":1}", ""), "not valid JSON"},
        BadFile{"NotAnObjectPerTensor", bytes_of(R"({"a":1})", ""), "malformed"},
        BadFile{"DuplicateTensor",
                bytes_of(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                         R"("a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
                         "x"),
                "'a' stands there twice"},
        BadFile{
            "DuplicateField",
            bytes_of(R"({"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}})", "x"),
            "'dtype' stands there twice"},
        BadFile{"DuplicateMetadata", bytes_of(R"({"__metadata__":{},"__metadata__":{}})", ""),
                "'__metadata__' stands there twice"},
        BadFile{"MetadataThatIsNoString", bytes_of(R"({"__metadata__":{"a":1}})", ""), "malformed"},
        BadFile{"UnknownField",
                bytes_of(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":1}})", "x"),
                "found the key 'x'"},
        BadFile{"MissingField", bytes_of(R"({"a":{"dtype":"U8","shape":[1]}})", ""), "are needed"},
        BadFile{"ThreeOffsets",
                bytes_of(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}})", "x"),
                "are needed"},
        BadFile{"NegativeDimension",
                bytes_of(R"({"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}})", "x"),
                "a negative number"},
        BadFile{"FractionalDimension",
                bytes_of(R"({"a":{"dtype":"U8","shape":[1.5],"data_offsets":[0,1]}})", "x"),
                "not whole"},
        BadFile{
            "HugeDimension",
            bytes_of(R"({"a":{"dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,1]}})",
                     "x"),
            "too large"},
        BadFile{"OverflowingShape",
                bytes_of(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],)"
                         R"("data_offsets":[0,0]}})",
                         ""),
                "overflows"},
        BadFile{"UnknownDtype",
                bytes_of(R"({"a":{"dtype":"f32","shape":[1],"data_offsets":[0,4]}})", "1234"),
                "unknown dtype 'f32'"},
        BadFile{"HalfAByte",
                bytes_of(R"({"a":{"dtype":"F4","shape":[1],"data_offsets":[0,1]}})", "x"),
                "needs 0"},
        BadFile{"WrongByteCount",
                bytes_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", "1234"),
                "needs 8 bytes"},
        BadFile{"ReversedOffsets",
                bytes_of(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}})", "x"),
                "needs 1"},
        BadFile{"Overlap",
                bytes_of(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                         R"("b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
                         "123"),
                "neither overlap"},
        BadFile{"Hole",
                bytes_of(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                         R"("b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})",
                         "123"),
                "nor leave holes"},
        BadFile{"DataBeyondTheFile", bytes_of(kOne, "12"), "cut short"},
        BadFile{"TrailingBytes", bytes_of(kOne, "12345"), "the file holds 5"},
        BadFile{"GitLfsPointer", "version https://git-lfs.github.com/spec/v1\noid sha256:1\n",
                "git-lfs pointer"},
        BadFile{"WebPage", "<!DOCTYPE html><html></html>", "web page"},
        BadFile{"Pickle", std::string("PK\x03\x04") + "data.pkl", "pickle"},
        BadFile{"DeepNesting", bytes_of("{\"a\":" + std::string(1'000'000, '['), ""),
                "an array where none belongs"}),
    [](const auto& test) { return test.param.name; });

TEST(Safetensors, LengthsThatLookLikeAPickleAreRead) {
  for (const size_t length : {0x280, 0x480}) {
    std::string header = kOne;
    header.resize(length, ' ');
    EXPECT_EQ(parse(bytes_of(header, "1234")).tensors.at("a").begin, 8 + length);
  }
  EXPECT_THAT(error_of([] { parse(std::string("\x80\x02\x8a\x0a", 4) + "torch"); }),
              HasSubstr("pickle"));
}

TEST(Safetensors, LegalOddities) {
  EXPECT_TRUE(parse(bytes_of("{}", "")).tensors.empty());
  EXPECT_EQ(parse(bytes_of(std::string(kOne) + "   ", "1234")).tensors.at("a").begin,
            8 + 58 + 3 - 4);
  const auto empty = parse(bytes_of(R"({"none":{"dtype":"F32","shape":[0,7],"data_offsets":[0,0]},)"
                                    R"("scalar":{"dtype":"F64","shape":[],"data_offsets":[0,8]}})",
                                    "12345678"));
  EXPECT_EQ(empty.tensors.at("none").shape, (std::vector<int64_t>{0, 7}));
  EXPECT_TRUE(empty.tensors.at("scalar").shape.empty());
  const auto with_metadata = parse(bytes_of(R"({"__metadata__":{"format":"pt"}})", ""));
  EXPECT_EQ(with_metadata.metadata.at("format"), "pt");
}

class WeightFiles : public ::testing::Test {
 protected:
  fs::path write(const std::string& name, const std::map<std::string, TensorBytes>& tensors) {
    const fs::path path = folder_ / name;
    write_safetensors(path, tensors, {{"format", "pt"}}, OnExist::kFail);
    return path;
  }

  const std::vector<float> values_ = {1, 2, 3, 4, 5, 6};
  const TensorBytes matrix_{"F32", {2, 3}, std::as_bytes(std::span(values_))};
  const TensorBytes vector_{"F32", {6}, std::as_bytes(std::span(values_))};
  TemporaryFolder folder_;
};

TEST_F(WeightFiles, WhatIsWrittenIsRead) {
  WeightStore store(
      {write("a.safetensors", {{"block.0.weight", matrix_}, {"block.0.bias", vector_}})});
  const Weights block = Weights(store, {})["block"][0];
  const at::Tensor weight = block.get("weight", {2, 3});
  EXPECT_TRUE(at::equal(weight, at::arange(1, 7, at::kFloat).view({2, 3})));
  EXPECT_EQ(block.full_name("bias"), "block.0.bias");
  EXPECT_THAT(error_of([&] { store.finish(); }), HasSubstr("'block.0.bias'"));
  store.finish({".bias"});
  block.get("bias", {6});
  store.finish();
}

TEST_F(WeightFiles, AViewOutlivesTheStoreAndIsNoCopy) {
  const fs::path path = write("a.safetensors", {{"w", matrix_}});
  at::Tensor first, second;
  {
    WeightStore store({path});
    first = store.take("w", {2, 3});
    second = Weights(store, {}).get("w", {2, 3});
  }
  EXPECT_EQ(first.data_ptr(), second.data_ptr());
  EXPECT_EQ(first[1][2].item<float>(), 6);
}

TEST_F(WeightFiles, PlacementCasts) {
  WeightStore store({write("a.safetensors", {{"w", matrix_}})});
  Placement bf16{.dtype = at::kBFloat16};
  EXPECT_EQ(Weights(store, bf16).get("w", {2, 3}).scalar_type(), at::kBFloat16);
  EXPECT_EQ(Weights(store, bf16).get_float("w", {2, 3}).scalar_type(), at::kFloat);
}

/// Bytes of a mapped file that are in this process' memory.
size_t resident_bytes(const fs::path& file) {
  std::ifstream maps("/proc/self/smaps");
  bool is_here = false;
  size_t bytes = 0;
  for (std::string line; std::getline(maps, line);) {
    if (line.find('-') < line.find(' ')) is_here = line.ends_with(file.string());
    if (is_here && line.starts_with("Rss:")) bytes += std::stoul(line.substr(4)) * 1024;
  }
  return bytes;
}

// What was copied is not held twice.
TEST_F(WeightFiles, PagesOfTheFileAreGivenBackOnceCopied) {
  constexpr int64_t kSide = 512;
  const std::vector<float> values(9 * kSide * kSide, 1.0F);
  const TensorBytes large{"F32", {kSide, kSide, 3, 3}, std::as_bytes(std::span(values))};
  const fs::path path = write("large.safetensors", {{"w", large}});
  WeightStore store({path});
  const std::vector<int64_t> shape = large.shape;
  const size_t few = 1 << 17;

  const at::Tensor view = Weights(store, {}).get("w", shape);
  EXPECT_EQ(view.sum().item<float>(), values.size());
  EXPECT_GT(resident_bytes(path), large.bytes.size() - few);

  const Placement bf16{.dtype = at::kBFloat16};
  const at::Tensor cast = Weights(store, bf16).get("w", shape);
  EXPECT_LT(resident_bytes(path), few);

  const at::Tensor turned = Weights(store, {}).get("w", shape, at::MemoryFormat::ChannelsLast);
  EXPECT_TRUE(turned.is_contiguous(at::MemoryFormat::ChannelsLast));
  EXPECT_LT(resident_bytes(path), few);
  EXPECT_TRUE(at::equal(view, turned));  // whoever needs the pages still reads them
}

TEST_F(WeightFiles, MissingAndMisshapenTensorsAreNamed) {
  WeightStore store({write("a.safetensors", {{"block.w", matrix_}})});
  const Weights block = Weights(store, {})["block"];
  EXPECT_THAT(error_of([&] { block.get("v", {1}); }),
              AllOf(HasSubstr("a.safetensors"), HasSubstr("'block.v' is missing")));
  EXPECT_THAT(error_of([&] {
                block.get("w", {3, 2});
              }),
              AllOf(HasSubstr("'block.w'"), HasSubstr("[3, 2]"), HasSubstr("[2, 3]")));
}

TEST_F(WeightFiles, ShardsJoinAndMayNotShareATensor) {
  const fs::path one = write("1.safetensors", {{"a", matrix_}});
  const fs::path two = write("2.safetensors", {{"b", vector_}});
  const fs::path three = write("3.safetensors", {{"a", vector_}});
  EXPECT_THAT(WeightStore({one, two}).names(), ::testing::ElementsAre("a", "b"));
  EXPECT_THAT(error_of([&] { WeightStore({one, three}); }), HasSubstr("also in another file"));
}

TEST_F(WeightFiles, RenamingIsByTableAndNeverMerges) {
  WeightStore store({write("a.safetensors", {{"old.w", matrix_}, {"old.drop", vector_}})});
  store.rename([](const std::string& name) {
    return name == "old.drop" ? std::string() : "new." + name.substr(4);
  });
  EXPECT_THAT(store.names(), ::testing::ElementsAre("new.w"));
  WeightStore both({write("b.safetensors", {{"x", matrix_}, {"y", vector_}})});
  EXPECT_THAT(error_of([&] { both.rename([](const std::string&) { return "z"; }); }),
              HasSubstr("two tensors"));
}

TEST_F(WeightFiles, ThingsThatAreNoFiles) {
  EXPECT_THAT(error_of([&] { WeightStore({folder_ / "absent"}); }),
              HasSubstr("the file is missing"));
  EXPECT_THAT(error_of([&] { WeightStore({folder_.path()}); }), HasSubstr("a folder"));
  folder_.write("empty", "");
  EXPECT_THAT(error_of([&] { WeightStore({folder_ / "empty"}); }), HasSubstr("is empty"));
  ASSERT_EQ(::mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  EXPECT_THAT(error_of([&] { WeightStore({folder_ / "fifo"}); }), HasSubstr("not a regular file"));
}

/// A tensor of every dtype that holds numbers with a point, finite but for one element.
struct NotFinite {
  const char* dtype;
  at::ScalarType type;
  double value;
  const char* message;
};

void PrintTo(const NotFinite& c, std::ostream* out) { *out << c.dtype << " " << c.value; }

class NonFiniteWeights : public WeightFiles, public ::testing::WithParamInterface<NotFinite> {
 protected:
  static TensorBytes tensor_bytes(const at::Tensor& tensor, const std::string& dtype) {
    return {dtype,
            tensor.sizes().vec(),
            {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()}};
  }
};

TEST_P(NonFiniteWeights, AreFoundByFileAndName) {
  const at::Tensor finite = at::arange(6, at::kFloat).to(GetParam().type);
  at::Tensor broken = at::arange(6, at::kFloat);
  broken[4].fill_(GetParam().value);
  broken = broken.to(GetParam().type);
  const fs::path good =
      write("1.safetensors", {{"a", tensor_bytes(finite, GetParam().dtype)},
                              {"odd", {"U8", {1}, tensor_bytes(finite, "").bytes.first(1)}}});
  const fs::path bad = write("2.safetensors", {{"b", tensor_bytes(finite, GetParam().dtype)},
                                               {"c", tensor_bytes(broken, GetParam().dtype)},
                                               {"d", tensor_bytes(broken, GetParam().dtype)}});
  EXPECT_EQ(WeightStore({good}).find_non_finite(), std::nullopt);
  EXPECT_EQ(WeightStore({good, bad}).find_non_finite(),
            bad.string() + ": tensor 'c' holds " + GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Dtypes, NonFiniteWeights,
    ::testing::Values(NotFinite{"F32", at::kFloat, NAN, "NaN"},
                      NotFinite{"F32", at::kFloat, INFINITY, "infinite values"},
                      NotFinite{"F16", at::kHalf, NAN, "NaN"},
                      NotFinite{"F16", at::kHalf, -INFINITY, "infinite values"},
                      NotFinite{"BF16", at::kBFloat16, NAN, "NaN"},
                      NotFinite{"BF16", at::kBFloat16, INFINITY, "infinite values"},
                      NotFinite{"F64", at::kDouble, NAN, "NaN"},
                      NotFinite{"F64", at::kDouble, INFINITY, "infinite values"},
                      NotFinite{"F8_E5M2", at::kFloat8_e5m2, NAN, "NaN"},
                      NotFinite{"F8_E4M3", at::kFloat8_e4m3fn, NAN, "NaN"}));

TEST_F(WeightFiles, TheLargestFiniteNumbersAreFinite) {
  const std::vector<double> values = {std::numeric_limits<double>::max(),
                                      std::numeric_limits<double>::lowest()};
  WeightStore store(
      {write("a.safetensors", {{"w", {"F64", {2}, std::as_bytes(std::span(values))}}})});
  EXPECT_EQ(store.find_non_finite(), std::nullopt);
}

TEST_F(WeightFiles, TheLastElementOfALargeTensorIsScannedToo) {
  std::vector<float> values(3'000'001, 1.0F);  // in several chunks
  values.back() = NAN;
  const TensorBytes large{"F32", {3'000'001}, std::as_bytes(std::span(values))};
  EXPECT_THAT(WeightStore({write("a.safetensors", {{"w", large}})}).find_non_finite(),
              ::testing::Optional(HasSubstr("tensor 'w' holds NaN")));
}

TEST_F(WeightFiles, AFileThatMayNotBeReadIsNamed) {
  const fs::path path = write("a.safetensors", {{"w", matrix_}});
  fs::permissions(folder_.path(), fs::perms::all);
  fs::permissions(path, fs::perms::none);
  const Unprivileged nobody;
  EXPECT_THAT(error_of([&] { WeightStore({path}); }),
              AllOf(HasSubstr("a.safetensors: the file"), HasSubstr("Permission denied")));
}

}  // namespace
}  // namespace sd
