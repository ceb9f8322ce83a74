#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <string_view>

#include "sd/pipeline.h"

#include "io/infotext.h"

namespace sd {

/// One of the prompts of a request.
struct PromptKey {
  std::string_view key;    ///< in a job: "negative_prompt_2"
  std::string_view field;  ///< in a picture's parameters: "Negative prompt 2"
  std::string Request::*text;
  bool is_negative = false;
};

inline constexpr std::array<PromptKey, 6> kPromptKeys = {{
    {"prompt", "Prompt", &Request::prompt},
    {"negative_prompt", "Negative prompt", &Request::negative_prompt, true},
    {"prompt_2", kFurtherPromptFields[0], &Request::prompt_2},
    {"prompt_3", kFurtherPromptFields[1], &Request::prompt_3},
    {"negative_prompt_2", kFurtherPromptFields[2], &Request::negative_prompt_2, true},
    {"negative_prompt_3", kFurtherPromptFields[3], &Request::negative_prompt_3, true},
}};

/// Those of the second and third text encoder, which are fields of their own in the parameters.
inline constexpr std::span<const PromptKey> kFurtherPrompts = std::span(kPromptKeys).subspan<2>();

/// Whether the key of a job, by its own name, is a prompt.
inline bool is_prompt_key(std::string_view key) {
  return std::ranges::find(kPromptKeys, key, &PromptKey::key) != kPromptKeys.end();
}

}  // namespace sd
