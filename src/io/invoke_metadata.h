#pragma once

#include <nlohmann/json_fwd.hpp>

#include "io/infotext.h"

namespace sd {

/// What InvokeAI wrote of a picture, under A1111's names of fields; whatever is missing or of
/// another type is left out. `metadata`: the text `invokeai_metadata` (version 3 and later).
Infotext read_invoke_metadata(const nlohmann::json& metadata);

/// The same of the text `sd-metadata` (version 2), where the negative prompt stands in brackets
/// within the prompt.
Infotext read_old_invoke_metadata(const nlohmann::json& metadata);

}  // namespace sd
