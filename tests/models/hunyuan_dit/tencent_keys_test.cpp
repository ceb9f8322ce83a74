#include "models/hunyuan_dit/tencent_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>
#include <string>

#include "core/tensor_ops.h"
#include "tests/support/golden.h"

namespace sd {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

WeightStore open(const std::string& name) {
  return WeightStore({testing::data_path("hunyuan_dit/keys." + name + ".safetensors")});
}

TEST(TencentKeys, EveryTensorOfTencentsBecomesThatOfDiffusers) {
  WeightStore expected = open("diffusers");
  WeightStore found = open("tencent");
  found.translate(tencent_dialect(""));
  ASSERT_EQ(found.names(), expected.names());
  EXPECT_THAT(found.names(), SizeIs(481));
  for (const std::string& name : expected.names()) {
    EXPECT_TRUE(at::equal(found.take(name, {6}), expected.take(name, {6}))) << name;
  }
  found.finish();
}

TEST(TencentKeys, BothDirectionsAgree) {
  const WeightDialect dialect = tencent_dialect("");
  std::set<std::string> stored;
  for (const std::string& name : open("diffusers").names()) {
    stored.insert(dialect.stored_name(name));
    EXPECT_THAT(dialect.tensor_of(dialect.stored_name(name)).names, ::testing::Contains(name));
  }
  const std::vector<std::string> names = open("tencent").names();
  EXPECT_EQ(stored, std::set<std::string>(names.begin(), names.end()));
  for (const std::string& name : names) {
    for (const std::string& ours : dialect.tensor_of(name).names) {
      EXPECT_EQ(dialect.stored_name(ours), name);
    }
  }
}

/// The file has every row of the tables, so the tests above have seen them all.
TEST(TencentKeys, TheTablesHaveNoRowThatIsNotThere) {
  const WeightStore weights = open("tencent");
  const auto is_stored = [&](const std::string& module) {
    return weights.has(module) || weights.has(module + ".weight");
  };
  for (const TencentModule& row : tencent_network_modules()) {
    EXPECT_TRUE(is_stored(std::string(row.stored))) << row.stored;
  }
  for (const TencentModule& row : tencent_block_modules()) {
    EXPECT_TRUE(is_stored("blocks.11." + std::string(row.stored))) << row.stored;
  }
}

TEST(TencentKeys, NamesMayStandBehindAPrefix) {
  const WeightDialect dialect = tencent_dialect("module.");
  EXPECT_THAT(dialect.tensor_of("module.blocks.17.attn2.kv_proj.bias").names,
              ElementsAre("blocks.17.attn2.to_k.bias", "blocks.17.attn2.to_v.bias"));
  EXPECT_THAT(dialect.tensor_of("blocks.17.attn2.kv_proj.bias").names, IsEmpty());
  EXPECT_EQ(dialect.stored_name("blocks.17.norm3.weight"), "module.blocks.17.norm2.weight");
}

TEST(TencentKeys, OtherNamesAreOfNoUseToTheNetwork) {
  const WeightDialect dialect = tencent_dialect("");
  for (const char* name :
       {"blocks.0.attn1.to_q.weight", "pos_embed.proj.weight", "blocks.x.norm1.weight",
        "blocks..norm1.weight", "blocks.0norm1.weight", "norm1.weight", "blocks.0.mlp_t5.0.weight",
        "blocks.0.attn2.kv_proj_ip_adapter.weight", "ip_adapter_img_norm_cond.weight",
        "text_embedding_paddings", "blocks.0.attn1.Wqkv.lora_A.weight", "blocks.0.", "weight",
        ".weight", "blocks.0..weight", ""}) {
    EXPECT_THAT(dialect.tensor_of(name).names, IsEmpty()) << name;
  }
}

}  // namespace
}  // namespace sd
