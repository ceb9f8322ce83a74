#pragma once

#include "core/config_reader.h"

namespace sd {

/// Marks as read the keys that transformers 4 and 5 write into every config and that change nothing
/// about the states of a text or image encoder: provenance, training, heads of other tasks,
/// generation (`PretrainedConfig` and its generation defaults), what forward returns.
void ignore_transformers_keys(ConfigReader& reader);

}  // namespace sd
