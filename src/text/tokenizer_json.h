#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/tokenizer_files.h"

namespace sd {

// The JSON side of tokenizer_files.cpp. Every function's errors are kModel, and name the file.

nlohmann::json read_json_object(const std::filesystem::path& path);

/// vocab.json: {token: id}.
Vocabulary read_vocab_json(const std::filesystem::path& path);

/// A tokenizer.json: the two big tables, the added tokens, and the rest as it is.
struct TokenizerJson {
  Vocabulary vocabulary;
  std::vector<std::pair<std::string, std::string>> merges;
  AddedTokenList added;
  nlohmann::json rest;  ///< without model.vocab and model.merges
};

TokenizerJson read_tokenizer_json(const std::filesystem::path& path);

/// Checks that `file` describes CLIP's tokenizer, and takes from it what differs between folders.
FastTokenizerPart fast_part_of(const std::filesystem::path& path, const TokenizerJson& file);

/// An added token that is written as an object.
AddedToken added_token_of(const std::filesystem::path& path, const nlohmann::json& value);

/// `id` as a token id; `content` is for the message.
int32_t token_id_of(const std::filesystem::path& path, std::string_view content,
                    const nlohmann::json& id);

/// A token id that is written as an object's key.
int32_t token_id_of_key(const std::filesystem::path& path, const std::string& key);

/// Adds the next merge; both tokens and the one that they make must be in the vocabulary.
void add_merge(const std::filesystem::path& path, const Vocabulary& vocabulary,
               std::string_view left, std::string_view right, Bpe& bpe);

}  // namespace sd
