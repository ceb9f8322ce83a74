#include "models/sd3/sd3_config.h"

#include "core/check.h"
#include "core/config_limits.h"

namespace sd {
namespace {

constexpr IntRange kPatchRange{1, 16};
constexpr IntRange kTableRange{1,
                               1 << 10};  // a side of the table of positions; 384 in SD3.5 medium

QkNorm read_qk_norm(ConfigReader& r) {
  const std::string name = r.get_string("qk_norm", "");
  SD_CHECK(name.empty() || name == "rms_norm", ErrorKind::kModel, r.name(),
           ": 'qk_norm' should be null or 'rms_norm', '", name, "' is not supported");
  return name.empty() ? QkNorm::kNone : QkNorm::kRms;
}

std::set<int64_t> read_dual_layers(ConfigReader& r, int64_t layers) {
  const auto list = r.get_ints("dual_attention_layers", {}, {0, kLayersRange.most});
  for (const int64_t layer : list) {
    SD_CHECK(layer < layers, ErrorKind::kModel, r.name(),
             ": 'dual_attention_layers' should hold numbers below 'num_layers' ", layers,
             ", found ", layer);
  }
  return {list.begin(), list.end()};
}

}  // namespace

Sd3Config read_sd3_config(const std::filesystem::path& path) {
  return read_sd3_config(ConfigReader::from_file(path));
}

Sd3Config read_sd3_config(ConfigReader r) {
  Sd3Config c;
  const std::string class_name = r.get_string("_class_name", "SD3Transformer2DModel");
  SD_CHECK(class_name == "SD3Transformer2DModel", ErrorKind::kModel, r.name(),
           ": '_class_name' should be SD3Transformer2DModel, found ", class_name);
  c.sample_size = r.get_int("sample_size", c.sample_size, kCellsRange);
  c.patch_size = r.get_int("patch_size", c.patch_size, kPatchRange);
  c.in_channels = r.get_int("in_channels", c.in_channels, kWidthRange);
  // null means as many as go in
  c.out_channels =
      r.get_int("out_channels", r.is_null("out_channels") ? c.in_channels : 16, kWidthRange);
  c.layers = r.get_int("num_layers", c.layers, kLayersRange);
  c.heads = r.get_int("num_attention_heads", c.heads, kHeadsRange);
  c.head_width = r.get_int("attention_head_dim", c.head_width, kWidthRange);
  c.text_width = r.get_int("joint_attention_dim", c.text_width, kWidthRange);
  c.pooled_width = r.get_int("pooled_projection_dim", c.pooled_width, kWidthRange);
  SD_CHECK(!r.is_null("pos_embed_max_size"), ErrorKind::kModel, r.name(),
           ": 'pos_embed_max_size' should be a number, null is not supported");
  c.max_patches = r.get_int("pos_embed_max_size", c.max_patches, kTableRange);
  c.qk_norm = read_qk_norm(r);
  c.dual_layers = read_dual_layers(r, c.layers);
  const int64_t caption_width = r.get_int("caption_projection_dim", 1152, kWidthRange);
  SD_CHECK(caption_width == c.width(), ErrorKind::kModel, r.name(),
           ": 'caption_projection_dim' should be num_attention_heads x attention_head_dim, ",
           c.width(), ", found ", caption_width);
  SD_CHECK(c.width() % 4 == 0, ErrorKind::kModel, r.name(),
           ": num_attention_heads x attention_head_dim should be a multiple of 4, found ",
           c.width());
  r.finish();
  return c;
}

}  // namespace sd
