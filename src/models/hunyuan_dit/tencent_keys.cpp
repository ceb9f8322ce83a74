#include "models/hunyuan_dit/tencent_keys.h"

#include <algorithm>

namespace sd {
namespace {

constexpr std::array kBlockModules = {
    TencentModule{"norm1", {"norm1.norm"}},
    TencentModule{"default_modulation.1", {"norm1.linear"}},
    TencentModule{"attn1.Wqkv", {"attn1.to_q", "attn1.to_k", "attn1.to_v"}},
    TencentModule{"attn1.q_norm", {"attn1.norm_q"}},
    TencentModule{"attn1.k_norm", {"attn1.norm_k"}},
    TencentModule{"attn1.out_proj", {"attn1.to_out.0"}},
    // Numbered by their places in the constructor there, by the order of their use here.
    TencentModule{"norm3", {"norm2"}},
    TencentModule{"attn2.q_proj", {"attn2.to_q"}},
    TencentModule{"attn2.kv_proj", {"attn2.to_k", "attn2.to_v"}},
    TencentModule{"attn2.q_norm", {"attn2.norm_q"}},
    TencentModule{"attn2.k_norm", {"attn2.norm_k"}},
    TencentModule{"attn2.out_proj", {"attn2.to_out.0"}},
    TencentModule{"norm2", {"norm3"}},
    TencentModule{"mlp.fc1", {"ff.net.0.proj"}},
    TencentModule{"mlp.fc2", {"ff.net.2"}},
    TencentModule{"skip_norm", {"skip_norm"}},
    TencentModule{"skip_linear", {"skip_linear"}},
};

constexpr std::array kNetworkModules = {
    TencentModule{"x_embedder.proj", {"pos_embed.proj"}},
    TencentModule{"t_embedder.mlp.0", {"time_extra_emb.timestep_embedder.linear_1"}},
    TencentModule{"t_embedder.mlp.2", {"time_extra_emb.timestep_embedder.linear_2"}},
    TencentModule{"pooler.positional_embedding", {"time_extra_emb.pooler.positional_embedding"}},
    TencentModule{"pooler.q_proj", {"time_extra_emb.pooler.q_proj"}},
    TencentModule{"pooler.k_proj", {"time_extra_emb.pooler.k_proj"}},
    TencentModule{"pooler.v_proj", {"time_extra_emb.pooler.v_proj"}},
    TencentModule{"pooler.c_proj", {"time_extra_emb.pooler.c_proj"}},
    TencentModule{"style_embedder", {"time_extra_emb.style_embedder"}},
    TencentModule{"extra_embedder.0", {"time_extra_emb.extra_embedder.linear_1"}},
    TencentModule{"extra_embedder.2", {"time_extra_emb.extra_embedder.linear_2"}},
    TencentModule{"mlp_t5.0", {"text_embedder.linear_1"}},
    TencentModule{"mlp_t5.2", {"text_embedder.linear_2"}},
    TencentModule{"text_embedding_padding", {"text_embedding_padding"}},
    // [shift, scale] there, [scale, shift] here
    TencentModule{"final_layer.adaLN_modulation.1", {"norm_out.linear"}, RowOrder::kHalvesSwapped},
    TencentModule{"final_layer.linear", {"proj_out"}},
};

/// A tensor's name in three: "blocks.7." or nothing, its module, ".weight", ".bias" or nothing.
struct SplitName {
  std::string_view scope;
  std::string_view module;
  std::string_view leaf;
};

SplitName split(std::string_view name) {
  constexpr std::string_view kBlocks = "blocks.";
  constexpr std::string_view kDigits = "0123456789";
  SplitName parts{"", name, ""};
  if (name.starts_with(kBlocks)) {
    const size_t dot = name.find_first_not_of(kDigits, kBlocks.size());
    if (dot != name.npos && dot > kBlocks.size() && name[dot] == '.') {
      parts.scope = name.substr(0, dot + 1);
      parts.module.remove_prefix(dot + 1);
    }
  }
  for (const std::string_view leaf : {std::string_view(".weight"), std::string_view(".bias")}) {
    if (!parts.module.ends_with(leaf)) continue;
    parts.leaf = leaf;
    parts.module.remove_suffix(leaf.size());
    break;
  }
  return parts;
}

std::string join(const SplitName& parts, std::string_view module) {
  return std::string(parts.scope) + std::string(module) + std::string(parts.leaf);
}

std::span<const TencentModule> modules_of(const SplitName& parts) {
  return parts.scope.empty() ? tencent_network_modules() : tencent_block_modules();
}

NetworkTensor tensor_of(std::string_view stored) {
  const SplitName parts = split(stored);
  NetworkTensor tensor;
  for (const TencentModule& row : modules_of(parts)) {
    if (row.stored != parts.module) continue;
    tensor.order = row.order;
    for (const std::string_view name : row.names) {
      if (!name.empty()) tensor.names.push_back(join(parts, name));
    }
  }
  return tensor;
}

/// The name itself where no row has it.
std::string stored_name(std::string_view name) {
  const SplitName parts = split(name);
  for (const TencentModule& row : modules_of(parts)) {
    if (std::ranges::find(row.names, parts.module) != row.names.end()) {
      return join(parts, row.stored);
    }
  }
  return std::string(name);
}

}  // namespace

std::span<const TencentModule> tencent_block_modules() { return kBlockModules; }
std::span<const TencentModule> tencent_network_modules() { return kNetworkModules; }

WeightDialect tencent_dialect(const std::string& prefix) {
  return {.tensor_of = [prefix](const std::string& stored) -> NetworkTensor {
            if (!stored.starts_with(prefix)) return {};
            return tensor_of(std::string_view(stored).substr(prefix.size()));
          },
          .stored_name = [prefix](const std::string& name) { return prefix + stored_name(name); }};
}

}  // namespace sd
