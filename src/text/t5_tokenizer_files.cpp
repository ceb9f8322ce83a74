#include "text/t5_tokenizer_files.h"

#include <algorithm>
#include <string>
#include <vector>

#include "core/check.h"
#include "core/model_file.h"
#include "text/tokenizer_json.h"

namespace sd {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int64_t kMostExtraIds = 1 << 16;

/// What T5Tokenizer takes where no file names a token.
const DefaultTokens& default_tokens() {
  static const DefaultTokens tokens = {
      {"eos_token", "</s>"}, {"unk_token", "<unk>"}, {"pad_token", "<pad>"}};
  return tokens;
}

std::string sentinel(int64_t i) { return concat_text("<extra_id_", i, ">"); }

json read_config(const fs::path& path) {
  return is_there(path) ? read_json_object(path) : json::object();
}

/// A switch that is false where it is null, as in Python.
bool switch_of(const fs::path& path, const json& config, const char* key, bool otherwise) {
  const json value = config.value(key, json(otherwise));
  SD_CHECK(value.is_boolean() || value.is_null(), ErrorKind::kModel, path.string(), ": '", key,
           "' should be true or false, found ", value.dump());
  return value == true;
}

int64_t extra_ids_of(const fs::path& path, const json& config, int64_t otherwise) {
  const json value = config.value("extra_ids", json(otherwise));
  SD_CHECK(value.is_number_integer() && value >= 0 && value <= kMostExtraIds, ErrorKind::kModel,
           path.string(), ": 'extra_ids' should be a whole number up to ", kMostExtraIds,
           ", found ", value.dump());
  return value.get<int64_t>();
}

/// Adds the sentinels as `T5Tokenizer.__init__` does.
void add_sentinels(const fs::path& path, int64_t pieces, T5TokenizerSettings& settings) {
  constexpr const char* kRole = "additional_special_tokens";
  std::vector<SpecialToken>& specials = settings.config.specials;
  const auto is_additional = [&](const SpecialToken& token) { return token.role == kRole; };
  const auto is_sentinel = [&](const SpecialToken& token) {
    return is_additional(token) && token.token.content.find("<extra_id_") != std::string::npos;
  };
  auto named = static_cast<int64_t>(std::count_if(specials.begin(), specials.end(), is_sentinel));
  SD_CHECK(named == 0 || settings.extra_ids == 0 || named == settings.extra_ids, ErrorKind::kModel,
           path.string(), ": 'additional_special_tokens' should have as many <extra_id_n> as ",
           "'extra_ids' says, ", settings.extra_ids, ", found ", named);
  const bool has_others = std::any_of(specials.begin(), specials.end(), is_additional);
  if (named == 0) {
    for (int64_t i = 0; i < settings.extra_ids; ++i) {
      AddedToken token{.content = sentinel(i), .normalized = false, .special = true};
      for (const auto& [id, known] : settings.config.added) {
        if (known.content == token.content) token = known;
      }
      specials.push_back({kRole, token, SpecialToken::Form::kString});
    }
    // Behind a list of other tokens they come in their own order, after what is added already.
    if (!has_others) named = settings.extra_ids;
  }
  for (int64_t i = 0; i < named; ++i) {
    const int64_t id = pieces - 1 + settings.extra_ids - i;
    if (id < 0) continue;
    settings.sentinels.emplace_back(static_cast<int32_t>(id), AddedToken{.content = sentinel(i),
                                                                         .lstrip = true,
                                                                         .rstrip = true,
                                                                         .normalized = false,
                                                                         .special = true});
  }
}

}  // namespace

T5TokenizerSettings read_t5_settings(const fs::path& folder, int64_t pieces,
                                     const std::optional<AddedTokenList>& from_tokenizer_json) {
  const fs::path path = folder / "tokenizer_config.json";
  const json config = read_config(path);
  T5TokenizerSettings settings;
  settings.config = read_tokenizer_config(folder, default_tokens(), from_tokenizer_json);
  settings.extra_ids = extra_ids_of(path, config, settings.extra_ids);
  // null stands for the default: both are parameters of the class that default to None.
  if (!config.value("legacy", json()).is_null()) {
    settings.legacy = switch_of(path, config, "legacy", true);
  }
  if (config.contains("add_prefix_space")) {
    settings.add_prefix_space = switch_of(path, config, "add_prefix_space", true);
  }
  const json options = config.value("sp_model_kwargs", json());
  SD_CHECK(options.is_null() || options.empty(), ErrorKind::kModel, path.string(),
           ": 'sp_model_kwargs' should be empty, found ", options.dump());
  add_sentinels(path, pieces, settings);
  return settings;
}

bool says_add_prefix_space(const fs::path& folder) {
  const json config = read_config(folder / "tokenizer_config.json");
  return !config.value("add_prefix_space", json()).is_null();
}

}  // namespace sd
