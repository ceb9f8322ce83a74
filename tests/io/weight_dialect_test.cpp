// WeightStore::translate: files that name and lay out tensors in another way than the network.

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "core/tensor_ops.h"
#include "io/safetensors_writer.h"
#include "io/weights.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"

namespace sd {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// "qkv" is the network's q, k and v, "turned" its "straight" by the other half first, "a" and "b"
/// are each other's.
WeightDialect dialect() {
  return {.tensor_of = [](const std::string& stored) -> NetworkTensor {
            if (stored == "qkv") return {.names = {"q", "k", "v"}};
            if (stored == "turned") return {{"straight"}, RowOrder::kHalvesSwapped};
            if (stored == "a") return {.names = {"b"}};
            if (stored == "b") return {.names = {"a"}};
            return {};
          },
          .stored_name = [](const std::string& name) -> std::string {
            if (name == "straight") return "turned";
            if (name == "a" || name == "b") return name == "a" ? "b" : "a";
            return name.size() == 1 ? "qkv" : name;
          }};
}

class WeightDialectTest : public ::testing::Test {
 protected:
  WeightStore open(const std::map<std::string, at::Tensor>& tensors) {
    std::map<std::string, TensorBytes> bytes;
    for (const auto& [name, tensor] : tensors) {
      bytes[name] = {tensor.scalar_type() == at::kFloat ? "F32" : "U8",
                     tensor.sizes().vec(),
                     {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()}};
    }
    write_safetensors(folder_ / "w.safetensors", bytes, {}, OnExist::kOverwrite);
    return WeightStore({folder_ / "w.safetensors"});
  }

  WeightStore translate(const std::map<std::string, at::Tensor>& tensors) {
    WeightStore store = open(tensors);
    store.translate(dialect());
    return store;
  }

  static at::Tensor rows(int64_t first, int64_t count, int64_t width = 2) {
    return at::arange(first * width, (first + count) * width, at::kFloat).view({count, width});
  }

  TemporaryFolder folder_;
};

TEST_F(WeightDialectTest, ATensorIsCutIntoViewsOfTheMapping) {
  WeightStore store = translate({{"qkv", rows(0, 6)}});
  EXPECT_THAT(store.names(), ElementsAre("k", "q", "v"));
  EXPECT_EQ(store.shape("k"), (std::vector<int64_t>{2, 2}));
  EXPECT_FALSE(store.has("qkv"));
  const Weights weights(store, {});
  const at::Tensor q = weights.get("q", {2, 2});
  const at::Tensor k = weights.get("k", {2, 2});
  const at::Tensor v = store.take("v", {2, 2});
  EXPECT_TRUE(at::equal(q, rows(0, 2)));
  EXPECT_TRUE(at::equal(k, rows(2, 2)));
  EXPECT_TRUE(at::equal(v, rows(4, 2)));
  EXPECT_EQ(q.data_ptr<float>() + 4, k.data_ptr<float>());
  EXPECT_EQ(q.data_ptr<float>() + 8, v.data_ptr<float>());
  store.finish();
}

TEST_F(WeightDialectTest, AVectorIsCutToo) {
  WeightStore store = translate({{"qkv", at::arange(3, at::kFloat)}});
  EXPECT_EQ(store.take("v", {1}).item<float>(), 2);
}

TEST_F(WeightDialectTest, HalvesChangePlaces) {
  WeightStore store = translate({{"turned", rows(0, 4)}});
  EXPECT_TRUE(at::equal(store.take("straight", {4, 2}), at::cat({rows(2, 2), rows(0, 2)})));
  EXPECT_TRUE(at::equal(store.take("straight", {4, 2}), at::cat({rows(2, 2), rows(0, 2)})));
  store.finish();
}

TEST_F(WeightDialectTest, NamesMayChangePlaces) {
  WeightStore store = translate({{"a", rows(0, 1)}, {"b", rows(7, 1)}});
  EXPECT_TRUE(at::equal(store.take("a", {1, 2}), rows(7, 1)));
  EXPECT_TRUE(at::equal(store.take("b", {1, 2}), rows(0, 1)));
}

TEST_F(WeightDialectTest, MessagesNameWhatIsInTheFile) {
  const auto take = [&](const std::map<std::string, at::Tensor>& tensors, const char* name,
                        at::IntArrayRef shape) {
    return error_of([&] { translate(tensors).take(name, shape); });
  };
  EXPECT_THAT(take({{"a", rows(0, 1)}}, "k", {2, 2}),
              AllOf(HasSubstr("w.safetensors: tensor 'qkv' is missing")));
  EXPECT_THAT(take({{"qkv", rows(0, 6)}}, "k", {3, 2}),
              HasSubstr("tensor 'qkv' should have the shape [9, 2], it has [6, 2]"));
  EXPECT_THAT(take({{"turned", rows(0, 4)}}, "straight", {6, 2}),
              HasSubstr("tensor 'turned' should have the shape [6, 2], it has [4, 2]"));
  EXPECT_EQ(translate({{"a", rows(0, 1)}}).stored_name("v"), "qkv");
  EXPECT_EQ(open({{"a", rows(0, 1)}}).stored_name("a"), "a") << "without another dialect";
}

TEST_F(WeightDialectTest, RowsThatCannotBeCutAreRefused) {
  EXPECT_THAT(error_of([&] {
                translate({{"qkv", rows(0, 4)}});
              }),
              HasSubstr("tensor 'qkv' should have a multiple of 3 rows, it has the shape [4, 2]"));
  EXPECT_THAT(
      error_of([&] {
        translate({{"turned", rows(0, 3)}});
      }),
      HasSubstr("tensor 'turned' should have a multiple of 2 rows, it has the shape [3, 2]"));
  EXPECT_THAT(error_of([&] { translate({{"qkv", at::tensor(1.0F)}}); }), HasSubstr("'qkv'"));
}

TEST_F(WeightDialectTest, WhatIsLeftOverIsNamedOnceAsInTheFile) {
  WeightStore store = translate(
      {{"qkv", rows(0, 3)}, {"unknown", rows(0, 1)}, {"q", rows(0, 1)}, {"a", rows(0, 1)}});
  store.take("b", {1, 2});
  store.take("q", {1, 2});
  EXPECT_THAT(error_of([&] { store.finish(); }),
              AllOf(HasSubstr("3 tensors"), HasSubstr("the first is 'q'")));
  store = translate({{"qkv", rows(0, 3)}, {"zzz", rows(0, 1)}});
  store.take("q", {1, 2});
  store.take("k", {1, 2});
  EXPECT_THAT(error_of([&] { store.finish(); }),
              AllOf(HasSubstr("2 tensors"), HasSubstr("the first is 'qkv'")))
      << "one part of three was not taken";
}

TEST_F(WeightDialectTest, AFileInTheNetworksOwnDialectIsNotTakenForAnother) {
  WeightStore store = translate({{"q", rows(0, 1)}, {"straight", rows(0, 2)}});
  EXPECT_THAT(store.names(), ElementsAre());
  EXPECT_THAT(error_of([&] { store.take("q", {1, 2}); }), HasSubstr("'qkv' is missing"));
  EXPECT_THAT(error_of([&] { store.finish(); }), HasSubstr("2 tensors"));
}

TEST_F(WeightDialectTest, TwoTensorsOfOneNameAreRefused) {
  WeightStore store = open({{"qkv", rows(0, 3)}, {"w", rows(0, 1)}});
  WeightDialect both = dialect();
  both.tensor_of = [](const std::string&) -> NetworkTensor { return {.names = {"w"}}; };
  EXPECT_THAT(error_of([&] { store.translate(both); }), HasSubstr("two tensors stand for 'w'"));
}

TEST_F(WeightDialectTest, ABrokenPartIsFoundByTheNameInTheFile) {
  at::Tensor broken = rows(0, 6);
  broken[5][1].fill_(NAN);
  EXPECT_THAT(translate({{"qkv", broken}}).find_non_finite(),
              ::testing::Optional(HasSubstr("tensor 'qkv' holds NaN")));
}

TEST_F(WeightDialectTest, PartsCastLikeWholeTensors) {
  WeightStore store = translate({{"qkv", rows(0, 6)}});
  const Weights weights(store, {.dtype = at::kBFloat16});
  EXPECT_TRUE(at::equal(weights.get("k", {2, 2}), rows(2, 2).to(at::kBFloat16)));
}

}  // namespace
}  // namespace sd
