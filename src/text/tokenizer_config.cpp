#include "text/tokenizer_config.h"

#include <algorithm>
#include <array>
#include <map>

#include "core/check.h"
#include "core/config_limits.h"
#include "core/model_file.h"
#include "text/tokenizer_json.h"

namespace sd {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// In the order in which transformers adds them to the vocabulary.
constexpr std::array<const char*, 7> kRoles = {"bos_token", "eos_token", "unk_token", "sep_token",
                                               "pad_token", "cls_token", "mask_token"};
constexpr const char* kAdditional = "additional_special_tokens";

json read_object_if_there(const fs::path& path) {
  return is_there(path) ? read_json_object(path) : json::object();
}

SpecialToken special_token(const fs::path& path, const std::string& role, const json& value) {
  if (value.is_string()) {
    SpecialToken token{role, {.content = value.get<std::string>()}, SpecialToken::Form::kString};
    token.token.normalized = false;
    token.token.special = true;
    return token;
  }
  return {role, added_token_of(path, value), SpecialToken::Form::kAddedToken};
}

/// special_tokens_map.json overrides tokenizer_config.json (transformers calls this "legacy").
void apply_special_tokens_map(const fs::path& path, json& config) {
  const json map = read_json_object(path);
  for (const auto& [key, value] : map.items()) {
    json taken = value;
    if (taken.is_object()) taken["special"] = true;
    if (key == kAdditional && taken.is_array()) {
      json all = config.value(key, json::array());
      if (!all.is_array()) all = json::array();
      for (json& token : taken) {
        if (token.is_object()) token["special"] = true;
        if (std::find(all.begin(), all.end(), token) == all.end()) all.push_back(token);
      }
      taken = all;
    }
    config[key] = taken;
  }
}

/// added_tokens.json: {token: id}. Those that `config` names as special tokens are special.
void read_added_tokens(const fs::path& path, const json& config,
                       std::map<int32_t, AddedToken>& to) {
  const auto is_named = [&](const std::string& content) {
    const auto says = [&](const json& value) {
      return value.is_object() ? value.value("content", "") == content : value == content;
    };
    for (const char* role : kRoles) {
      if (config.contains(role) && says(config[role])) return true;
    }
    const json additional = config.value(kAdditional, json::array());
    return additional.is_array() && std::any_of(additional.begin(), additional.end(), says);
  };
  const json tokens = read_json_object(path);
  for (const auto& [content, id] : tokens.items()) {
    const bool special = is_named(content);
    to[token_id_of(path, content, id)] = {
        .content = content, .normalized = !special, .special = special};
  }
}

void read_special_tokens(const fs::path& path, const json& config,
                         const std::map<int32_t, AddedToken>& added, const DefaultTokens& defaults,
                         TokenizerConfig& out) {
  const auto add = [&](const char* role, const json& value) {
    SpecialToken token = special_token(path, role, value);
    for (const auto& [id, known] : added) {
      if (role != kAdditional && known.content == token.token.content) {
        token.token = known;
        token.form = SpecialToken::Form::kAddedToken;
      }
    }
    out.specials.push_back(std::move(token));
  };
  for (const char* role : kRoles) {
    const auto otherwise = std::find_if(defaults.begin(), defaults.end(),
                                        [&](const auto& entry) { return entry.first == role; });
    json value = config.value(role, json());
    if (!config.contains(role) && otherwise != defaults.end()) value = otherwise->second;
    if (!value.is_null()) add(role, value);
  }
  const json additional = config.value(kAdditional, json());
  if (additional.is_null()) return;
  SD_CHECK(additional.is_array(), ErrorKind::kModel, path.string(), ": ", kAdditional,
           " must be a list, but it is ", additional.type_name());
  for (const json& value : additional) add(kAdditional, value);
}

void check_sides(const fs::path& path, const json& config) {
  for (const char* key : {"padding_side", "truncation_side"}) {
    const json side = config.value(key, json("right"));
    SD_CHECK(side == "right", ErrorKind::kModel, path.string(), ": ", key,
             " must be \"right\" for a prompt, but it is ", side.dump());
  }
  const json split = config.value("split_special_tokens", json(false));
  SD_CHECK(split == false || split.is_null(), ErrorKind::kModel, path.string(),
           ": split_special_tokens must be false, but it is ", split.dump());
}

std::optional<int64_t> max_length_of(const fs::path& path, const json& config) {
  constexpr double kBeyondReason = 1e9;
  const json length = config.value("model_max_length", config.value("max_len", json()));
  if (length.is_null()) return std::nullopt;
  if (length.is_number() && length.get<double>() > kBeyondReason) return std::nullopt;
  SD_CHECK(length.is_number_integer() && length.get<int64_t>() >= kPositionsRange.least,
           ErrorKind::kModel, path.string(), ": 'model_max_length' should be a whole number from ",
           kPositionsRange.least, " on, found ", length.dump());
  return length.get<int64_t>();
}

}  // namespace

const SpecialToken* TokenizerConfig::find(const std::string& role) const {
  const auto found = std::find_if(specials.begin(), specials.end(),
                                  [&](const SpecialToken& token) { return token.role == role; });
  return found == specials.end() ? nullptr : &*found;
}

TokenizerConfig read_tokenizer_config(const fs::path& folder, const DefaultTokens& defaults,
                                      const std::optional<AddedTokenList>& from_tokenizer_json) {
  const fs::path path = folder / "tokenizer_config.json";
  json config = read_object_if_there(path);
  std::map<int32_t, AddedToken> added;
  if (config.contains("added_tokens_decoder")) {
    const json& decoder = config["added_tokens_decoder"];
    SD_CHECK(decoder.is_object(), ErrorKind::kModel, path.string(),
             ": added_tokens_decoder must be an object, but it is ", decoder.type_name());
    for (const auto& [id, token] : decoder.items()) {
      added[token_id_of_key(path, id)] = added_token_of(path, token);
    }
  } else {
    const fs::path map = folder / "special_tokens_map.json";
    if (is_there(map)) apply_special_tokens_map(map, config);
    const fs::path old = folder / "added_tokens.json";
    if (is_there(old)) read_added_tokens(old, config, added);
    const fs::path all = folder / "tokenizer.json";
    const AddedTokenList tokens = from_tokenizer_json ? *from_tokenizer_json
                                  : is_there(all)     ? read_tokenizer_json(all).added
                                                      : AddedTokenList();
    for (const auto& [id, token] : tokens) added[id] = token;
  }
  TokenizerConfig out;
  read_special_tokens(path, config, added, defaults, out);
  out.added.assign(added.begin(), added.end());
  check_sides(path, config);
  out.model_max_length = max_length_of(path, config);
  out.clean_up_spaces = config.value("clean_up_tokenization_spaces", json(false)) == true;
  return out;
}

}  // namespace sd
