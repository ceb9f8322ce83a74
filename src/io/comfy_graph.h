#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "io/infotext.h"

namespace sd {

/// What a graph of ComfyUI's API (the text `prompt` of its pictures) says, under A1111's names of
/// fields: from the first sampler of the graph, the one that starts from no other's latents, along
/// its inputs to texts, size, model, LoRAs and VAE. Nothing where this is no such graph; an empty
/// Infotext where it has no sampler. Whatever is missing or of another type is left out.
std::optional<Infotext> read_comfy_graph(const nlohmann::json& graph);

}  // namespace sd
