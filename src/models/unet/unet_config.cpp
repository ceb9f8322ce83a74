#include "models/unet/unet_config.h"

#include <algorithm>

#include "core/check.h"
#include "core/config_limits.h"

namespace sd {
namespace {

using Strings = std::vector<std::string>;

/// Keys that change nothing here, and why.
const Strings kWithoutEffect = {
    "dropout",           // inference
    "upcast_attention",  // diffusers' default processor (scaled_dot_product_attention) ignores it:
                         // the fused kernels accumulate the softmax in float32 anyway
    // diffusers hands these to blocks of DeepFloyd IF alone, which are refused below
    "cross_attention_norm", "mid_block_only_cross_attention", "resnet_out_scale_factor",
    "resnet_skip_time_act",
    // what diffusers' EMAModel leaves behind in config.json
    "decay", "inv_gamma", "min_decay", "optimization_step", "power", "update_after_step",
    "use_ema_warmup"};

/// The value of `key`, which must be one of the names in `known`, as the enum at the same place.
template <typename Enum>
Enum read_choice(ConfigReader& r, const std::string& key, const std::string& fallback,
                 const std::vector<std::pair<std::string, Enum>>& known) {
  const std::string found = r.get_string(key, fallback);
  std::string names;
  for (const auto& [name, value] : known) {
    if (name == found) return value;
    names += (names.empty() ? "'" : "', '") + name;
  }
  fail(ErrorKind::kModel, r.name(), ": '", key, "' should be ", names, "', '", found,
       "' is not supported");
}

UNetBlockType block_type(const ConfigReader& r, const std::string& key, std::string name) {
  if (name.starts_with("UNetRes")) name = name.substr(7);
  const std::string way = key == "down_block_types" ? "Down" : "Up";
  if (name == way + "Block2D") return UNetBlockType::kPlain;
  if (name == "CrossAttn" + way + "Block2D") return UNetBlockType::kCrossAttention;
  fail(ErrorKind::kModel, r.name(), ": '", key, "' should hold '", way, "Block2D' and 'CrossAttn",
       way, "Block2D', '", name, "' is not supported");
}

std::vector<UNetBlockType> read_block_types(ConfigReader& r, const std::string& key,
                                            const Strings& fallback) {
  std::vector<UNetBlockType> types;
  for (const std::string& name : r.get_strings(key, fallback)) {
    types.push_back(block_type(r, key, name));
  }
  return types;
}

std::optional<Activation> find_activation(ConfigReader& r, const std::string& key) {
  const auto name = r.find_string(key);
  if (!name) return {};
  return parse_activation(*name, r.name() + ", '" + key + "'");
}

/// Spreads the depth of a level's transformers over its layers: one number for all, or one for
/// each.
void spread_depths(const ConfigReader& r, const std::string& key, UNetLevel& level) {
  if (level.type == UNetBlockType::kPlain) return;
  auto& depths = level.transformer_depths;
  if (depths.size() == 1) depths.resize(level.layers, depths[0]);
  SD_CHECK(depths.size() == level.layers, ErrorKind::kModel, r.name(), ": an entry of '", key,
           "' should have ", level.layers, " numbers, found ", depths.size());
}

void read_levels(ConfigReader& r, UNetConfig& c) {
  const auto down_types = read_block_types(
      r, "down_block_types",
      {"CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"});
  const auto up_types = read_block_types(
      r, "up_block_types",
      {"UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"});
  const auto channels = r.get_ints("block_out_channels", {320, 640, 1280, 1280}, kWidthRange);
  const size_t count = channels.size();
  SD_CHECK(count <= kMaxLevels, ErrorKind::kModel, r.name(),
           ": 'block_out_channels' should have 1 to ", kMaxLevels, " entries, found ", count);
  SD_CHECK(count > 0 && down_types.size() == count && up_types.size() == count, ErrorKind::kModel,
           r.name(), ": 'block_out_channels', 'down_block_types' and 'up_block_types' should have ",
           "one entry for each level, found ", count, ", ", down_types.size(), " and ",
           up_types.size());

  SD_CHECK(!r.has("num_attention_heads"), ErrorKind::kModel, r.name(),
           ": 'num_attention_heads' should be null, because the number of heads of this class is ",
           "called 'attention_head_dim'");
  // The naming of diffusers' issue 2011: this key is the number of heads, not their width.
  const auto heads = r.get_ints_or_one("attention_head_dim", count, 8, kHeadsRange);
  const auto text_widths = r.get_ints_or_one("cross_attention_dim", count, 1280, kWidthRange);
  const auto layers = r.get_ints_or_one("layers_per_block", count, 2, kLayersRange);
  const auto only_cross = r.get_bools_or_one("only_cross_attention", count, false);
  const std::string depth_key = "transformer_layers_per_block";
  const std::string up_depth_key = "reverse_transformer_layers_per_block";
  const auto depths = r.get_int_lists_or_one(depth_key, count, 1, kDepthRange);
  const bool has_up_depths = r.has(up_depth_key);
  const auto up_depths = r.get_int_lists_or_one(up_depth_key, count, 1, kDepthRange);
  const bool is_uneven =
      std::any_of(depths.begin(), depths.end(), [](const auto& list) { return list.size() > 1; });
  SD_CHECK(!is_uneven || has_up_depths, ErrorKind::kModel, r.name(), ": '", up_depth_key,
           "' should be given where '", depth_key, "' holds lists");

  for (size_t i = 0; i < count; ++i) {
    const size_t back = count - 1 - i;
    c.down.push_back({down_types[i], channels[i], layers[i], heads[i], text_widths[i], depths[i],
                      only_cross[i]});
    c.up.push_back({up_types[i], channels[back], layers[back] + 1, heads[back], text_widths[back],
                    has_up_depths ? up_depths[i] : depths[back], only_cross[back]});
    spread_depths(r, depth_key, c.down.back());
    spread_depths(r, has_up_depths ? up_depth_key : depth_key, c.up.back());
  }
  c.mid_transformer_depth = depths.back()[0];
}

void check_levels(const ConfigReader& r, const UNetConfig& c) {
  auto check_heads = [&](const UNetLevel& level) {
    SD_CHECK(level.channels % level.heads == 0, ErrorKind::kModel, r.name(),
             ": 'attention_head_dim' (the number of heads) should divide the channels of its ",
             "level, found ", level.heads, " heads for ", level.channels, " channels");
  };
  for (size_t i = 0; i < c.down.size(); ++i) {
    SD_CHECK(c.down[i].channels % c.norm_groups == 0, ErrorKind::kModel, r.name(),
             ": 'block_out_channels' should be multiples of 'norm_num_groups' = ", c.norm_groups,
             ", found ", c.down[i].channels);
    if (c.down[i].type == UNetBlockType::kCrossAttention) check_heads(c.down[i]);
    if (c.up[i].type == UNetBlockType::kCrossAttention) check_heads(c.up[i]);
  }
  if (c.mid_type == UNetMidType::kCrossAttention) check_heads(c.down.back());
}

void read_time(ConfigReader& r, UNetConfig& c) {
  const int64_t first = c.down[0].channels;
  c.time_embedding_type = read_choice<TimeEmbeddingType>(
      r, "time_embedding_type", "positional",
      {{"positional", TimeEmbeddingType::kPositional}, {"fourier", TimeEmbeddingType::kFourier}});
  const bool is_fourier = c.time_embedding_type == TimeEmbeddingType::kFourier;
  c.time_embedding_width = r.get_int("time_embedding_dim", 0, kWidthOrNoneRange);
  if (c.time_embedding_width == 0) c.time_embedding_width = first * (is_fourier ? 2 : 4);
  SD_CHECK(!is_fourier || c.time_embedding_width % 2 == 0, ErrorKind::kModel, r.name(),
           ": 'time_embedding_dim' should be even with 'time_embedding_type' fourier, found ",
           c.time_embedding_width);
  c.flip_sin_to_cos = r.get_bool("flip_sin_to_cos", true);
  c.frequency_shift = r.get_double("freq_shift", 0, kPartRange);
  c.time_embedding_activation = find_activation(r, "time_embedding_act_fn");
  c.timestep_post_activation = find_activation(r, "timestep_post_act");
  c.time_cond_width = r.find_int("time_cond_proj_dim", kWidthRange);
  c.time_scale_shift = read_choice<TimeScaleShift>(
      r, "resnet_time_scale_shift", "default",
      {{"default", TimeScaleShift::kAdd}, {"scale_shift", TimeScaleShift::kScaleShift}});
}

void read_conditions(ConfigReader& r, UNetConfig& c) {
  c.class_count = r.get_int("num_class_embeds", 0, kWidthOrNoneRange);
  c.class_embedding = read_choice<ClassEmbedding>(
      r, "class_embed_type", "",
      {{"", c.class_count > 0 ? ClassEmbedding::kTable : ClassEmbedding::kNone},
       {"timestep", ClassEmbedding::kTimestep},
       {"identity", ClassEmbedding::kIdentity},
       {"projection", ClassEmbedding::kProjection},
       {"simple_projection", ClassEmbedding::kSimpleProjection}});
  c.concat_class_embedding = r.get_bool("class_embeddings_concat", false);
  c.addition_embedding =
      read_choice<AdditionEmbedding>(r, "addition_embed_type", "",
                                     {{"", AdditionEmbedding::kNone},
                                      {"text", AdditionEmbedding::kText},
                                      {"text_time", AdditionEmbedding::kTextTime}});
  SD_CHECK(!c.concat_class_embedding || (c.class_embedding != ClassEmbedding::kNone &&
                                         c.addition_embedding == AdditionEmbedding::kNone),
           ErrorKind::kModel, r.name(), ": 'class_embeddings_concat' should go with ",
           "'class_embed_type' or 'num_class_embeds' and without 'addition_embed_type'");
  c.addition_heads = r.get_int("addition_embed_type_num_heads", 64, kHeadsRange);
  c.addition_time_width = r.get_int("addition_time_embed_dim", 0, kWidthOrNoneRange);
  c.projection_width = r.get_int("projection_class_embeddings_input_dim", 0, kWidthOrNoneRange);
  const bool projects = c.class_embedding == ClassEmbedding::kProjection ||
                        c.class_embedding == ClassEmbedding::kSimpleProjection ||
                        c.addition_embedding == AdditionEmbedding::kTextTime;
  SD_CHECK(
      !projects || c.projection_width > 0, ErrorKind::kModel, r.name(),
      ": 'projection_class_embeddings_input_dim' should be given with this 'class_embed_type' ",
      "or 'addition_embed_type'");
  SD_CHECK(c.addition_embedding != AdditionEmbedding::kTextTime || c.addition_time_width > 0,
           ErrorKind::kModel, r.name(), ": 'addition_time_embed_dim' should be given with ",
           "'addition_embed_type' text_time");

  c.projected_text_width = r.find_int("encoder_hid_dim", kWidthRange);
  const std::string text_type =
      r.get_string("encoder_hid_dim_type", c.projected_text_width ? "text_proj" : "");
  SD_CHECK(text_type.empty() || text_type == "text_proj", ErrorKind::kModel, r.name(),
           ": 'encoder_hid_dim_type' should be null or 'text_proj', '", text_type,
           "' is not supported");
  SD_CHECK(text_type.empty() || c.projected_text_width, ErrorKind::kModel, r.name(),
           ": 'encoder_hid_dim' should be given with 'encoder_hid_dim_type'");
  const int64_t text_width = c.projected_text_width.value_or(c.down[0].text_width);
  SD_CHECK(c.addition_embedding != AdditionEmbedding::kText || text_width % c.addition_heads == 0,
           ErrorKind::kModel, r.name(), ": 'addition_embed_type_num_heads' ", c.addition_heads,
           " should divide the width of the text, ", text_width);
}

int64_t read_kernel(ConfigReader& r, const std::string& key) {
  const int64_t kernel = r.get_int(key, 3, kKernelRange);
  SD_CHECK(kernel % 2 == 1, ErrorKind::kModel, r.name(), ": '", key, "' should be odd, found ",
           kernel);
  return kernel;
}

void read_sample_size(ConfigReader& r, UNetConfig& c) {
  if (!r.has("sample_size")) return;
  const auto size = r.get_ints_or_one("sample_size", 2, 0, kCellsRange);
  c.sample_height = size[0];
  c.sample_width = size[1];
}

}  // namespace

UNetConfig read_unet_config(const std::filesystem::path& path) {
  return read_unet_config(ConfigReader::from_file(path));
}

UNetConfig read_unet_config(ConfigReader r) {
  UNetConfig c;
  const std::string class_name = r.get_string("_class_name", "UNet2DConditionModel");
  SD_CHECK(class_name == "UNet2DConditionModel", ErrorKind::kModel, r.name(),
           ": '_class_name' should be UNet2DConditionModel, found ", class_name);
  c.diffusers_version = r.get_string("_diffusers_version", "");
  read_sample_size(r, c);
  c.in_channels = r.get_int("in_channels", 4, kWidthRange);
  c.out_channels = r.get_int("out_channels", 4, kWidthRange);
  c.center_input_sample = r.get_bool("center_input_sample", false);

  SD_CHECK(!r.is_null("norm_num_groups"), ErrorKind::kModel, r.name(),
           ": 'norm_num_groups' should be a number, null belongs to block types that are not ",
           "supported");
  c.norm_groups = r.get_int("norm_num_groups", 32, kWidthRange);
  c.norm_eps = r.get_double("norm_eps", 1e-5, kPartRange);
  read_levels(r, c);
  if (r.is_null("mid_block_type")) {
    r.ignore({"mid_block_type"});
    c.mid_type = UNetMidType::kNone;
  } else {
    c.mid_type =
        read_choice<UNetMidType>(r, "mid_block_type", "UNetMidBlock2DCrossAttn",
                                 {{"UNetMidBlock2D", UNetMidType::kPlain},
                                  {"UNetMidBlock2DCrossAttn", UNetMidType::kCrossAttention}});
  }
  check_levels(r, c);
  c.conv_in_kernel = read_kernel(r, "conv_in_kernel");
  c.conv_out_kernel = read_kernel(r, "conv_out_kernel");
  c.downsample_padding = r.get_int("downsample_padding", 1, {0, 1});
  c.mid_block_scale_factor = r.get_double("mid_block_scale_factor", 1, kFactorRange);
  c.activation = parse_activation(r.get_string("act_fn", "silu"), r.name() + ", 'act_fn'");
  c.use_linear_projection = r.get_bool("use_linear_projection", false);
  // diffusers itself cannot run these blocks any more: they are handed a keyword (the text's mask)
  // that DualTransformer2DModel does not take.
  SD_CHECK(!r.get_bool("dual_cross_attention", false), ErrorKind::kModel, r.name(),
           ": 'dual_cross_attention' should be false, true is not supported");
  const std::string attention_type = r.get_string("attention_type", "default");
  SD_CHECK(attention_type == "default", ErrorKind::kModel, r.name(),
           ": 'attention_type' should be 'default', '", attention_type, "' is not supported");

  read_time(r, c);
  read_conditions(r, c);
  r.ignore(kWithoutEffect);
  r.finish();
  return c;
}

}  // namespace sd
