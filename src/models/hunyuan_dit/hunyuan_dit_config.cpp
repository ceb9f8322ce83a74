#include "models/hunyuan_dit/hunyuan_dit_config.h"

#include <string>

#include "core/check.h"
#include "core/config_limits.h"

namespace sd {
namespace {

constexpr IntRange kPatchRange{1, 16};
constexpr IntRange kLengthRange{1, 1 << 12};    // of a text in tokens; 256
constexpr RealRange kRatioRange{1.0 / 64, 64};  // inside a feed-forward; 4.3637

int64_t read_required(ConfigReader& r, const std::string& key, IntRange range) {
  const auto value = r.find_int(key, range);
  SD_CHECK(value, ErrorKind::kModel, r.name(), ": '", key, "' should be a number, it is missing");
  return *value;
}

void read_names(ConfigReader& r) {
  const std::string class_name = r.get_string("_class_name", "HunyuanDiT2DModel");
  SD_CHECK(class_name == "HunyuanDiT2DModel", ErrorKind::kModel, r.name(),
           ": '_class_name' should be HunyuanDiT2DModel, found ", class_name);
  const std::string activation = r.get_string("activation_fn", "gelu-approximate");
  SD_CHECK(activation == "gelu-approximate", ErrorKind::kModel, r.name(),
           ": 'activation_fn' should be 'gelu-approximate', '", activation, "' is not supported");
  r.ignore({"norm_type"});  // the class takes it and looks at it nowhere
}

void check(const HunyuanDitConfig& c, int64_t hidden_width, const std::string& name) {
  SD_CHECK(hidden_width == c.width(), ErrorKind::kModel, name,
           ": 'hidden_size' should be num_attention_heads x attention_head_dim, ", c.width(),
           ", found ", hidden_width);
  SD_CHECK(c.layers % 2 == 0 || c.layers == 1, ErrorKind::kModel, name,
           ": 'num_layers' should be even, as each layer of the second half sees one of the first, "
           "found ",
           c.layers);
  SD_CHECK(c.head_width % 4 == 0, ErrorKind::kModel, name,
           ": 'attention_head_dim' should be a multiple of 4, found ", c.head_width);
  SD_CHECK(c.t5_width % HunyuanDitConfig::kPoolHeads == 0, ErrorKind::kModel, name,
           ": 'cross_attention_dim_t5' should be a multiple of ", HunyuanDitConfig::kPoolHeads,
           ", found ", c.t5_width);
  SD_CHECK(c.inner_width() > 0, ErrorKind::kModel, name, ": 'mlp_ratio' leaves no width of ",
           c.width());
}

}  // namespace

HunyuanDitConfig read_hunyuan_dit_config(const std::filesystem::path& path) {
  return read_hunyuan_dit_config(ConfigReader::from_file(path));
}

HunyuanDitConfig read_hunyuan_dit_config(ConfigReader r) {
  HunyuanDitConfig c;
  read_names(r);
  c.sample_size = r.get_int("sample_size", c.sample_size, kCellsRange);
  c.patch_size = read_required(r, "patch_size", kPatchRange);
  c.in_channels = read_required(r, "in_channels", kWidthRange);
  c.layers = r.get_int("num_layers", c.layers, kLayersRange);
  c.heads = r.get_int("num_attention_heads", c.heads, kHeadsRange);
  c.head_width = r.get_int("attention_head_dim", c.head_width, kWidthRange);
  c.mlp_ratio = r.get_double("mlp_ratio", c.mlp_ratio, kRatioRange);
  c.text_width = r.get_int("cross_attention_dim", c.text_width, kWidthRange);
  c.t5_width = r.get_int("cross_attention_dim_t5", c.t5_width, kWidthRange);
  c.pooled_width = r.get_int("pooled_projection_dim", c.pooled_width, kWidthRange);
  c.text_length = r.get_int("text_len", c.text_length, kLengthRange);
  c.t5_length = r.get_int("text_len_t5", c.t5_length, kLengthRange);
  c.learns_variance = r.get_bool("learn_sigma", true);
  c.meta = r.get_bool("use_style_cond_and_image_meta_size", true) ? PictureMeta::kSizesAndStyle
                                                                  : PictureMeta::kNone;
  check(c, r.get_int("hidden_size", 1152, kWidthRange), r.name());
  r.finish();
  return c;
}

}  // namespace sd
