#include "io/foreign_parameters.h"

#include <cstddef>
#include <optional>
#include <utility>

#include "io/comfy_graph.h"
#include "io/foreign_json.h"
#include "io/invoke_metadata.h"

namespace sd {
namespace {

using Json = nlohmann::json;
using Found = std::optional<FoundParameters>;

const std::string* find_text(const PictureMetadata& picture, const char* keyword) {
  const auto at = picture.texts.find(keyword);
  return at == picture.texts.end() ? nullptr : &at->second;
}

FoundParameters from_infotext(Infotext text) {
  const bool is_ours = text.field("Version").value_or("").starts_with("sd ");
  return {is_ours ? ParameterSource::kSd : ParameterSource::kA1111, std::move(text), ""};
}

/// The text under `parameters`; JSON is that of another program. A UserComment may be about
/// anything: with the fields of A1111 it counts.
Found find_infotext(const PictureMetadata& picture) {
  if (const std::string* text = find_text(picture, "parameters")) {
    Infotext parsed = parse_infotext(*text);
    const bool is_json = parsed.fields.empty() && text->starts_with('{') && Json::accept(*text);
    if (!is_json) return from_infotext(std::move(parsed));
  }
  if (picture.exif.comment) {
    Infotext parsed = parse_infotext(*picture.exif.comment);
    if (parsed.field("Steps")) return from_infotext(std::move(parsed));
  }
  return std::nullopt;
}

FoundParameters damaged(ParameterSource source, const char* what) {
  return {source, {}, std::string(what) + " is damaged and cannot be read"};
}

Found find_invoke(const PictureMetadata& picture) {
  struct Dialect {
    const char* keyword;
    Infotext (*read)(const Json&);
  };
  for (const auto& [keyword, read] : {Dialect{"invokeai_metadata", read_invoke_metadata},
                                      Dialect{"sd-metadata", read_old_invoke_metadata}}) {
    const std::string* text = find_text(picture, keyword);
    if (!text) continue;
    const auto json = parse_foreign_json(*text);
    if (!json || !json->is_object()) return damaged(ParameterSource::kInvokeAi, keyword);
    return FoundParameters{ParameterSource::kInvokeAi, read(*json), ""};
  }
  return std::nullopt;
}

FoundParameters from_graph(Infotext text) {
  const bool is_empty = text.prompt.empty() && text.fields.empty();
  return {ParameterSource::kComfyUi, std::move(text),
          is_empty ? "ComfyUI's graph has no sampler that is known" : ""};
}

bool may_be_object(std::string_view text) {
  const std::size_t at = text.find_first_not_of(" \t\r\n");
  return at != text.npos && text[at] == '{';
}

/// ComfyUI's graph where it puts it: in PNG, and in an entry of EXIF.
std::optional<std::string_view> find_graph(const PictureMetadata& picture) {
  constexpr std::string_view kPrefix = "prompt:";
  const std::string* text = find_text(picture, "prompt");
  if (text && may_be_object(*text)) return *text;
  for (const std::string& entry : picture.exif.strings) {
    if (entry.starts_with(kPrefix)) return std::string_view(entry).substr(kPrefix.size());
  }
  return std::nullopt;
}

Found find_comfy(const PictureMetadata& picture) {
  if (const auto text = find_graph(picture)) {
    const auto json = parse_foreign_json(*text);
    if (!json) return damaged(ParameterSource::kComfyUi, "ComfyUI's graph");
    if (auto graph = read_comfy_graph(*json)) return from_graph(*std::move(graph));
  }
  // others put it into the UserComment, where damaged JSON may be anything
  if (picture.exif.comment && may_be_object(*picture.exif.comment)) {
    const auto json = parse_foreign_json(*picture.exif.comment);
    if (auto graph = json ? read_comfy_graph(*json) : std::nullopt) {
      return from_graph(*std::move(graph));
    }
  }
  return std::nullopt;
}

}  // namespace

std::string_view source_name(ParameterSource source) {
  switch (source) {
    case ParameterSource::kNone: return "none";
    case ParameterSource::kSd: return "sd";
    case ParameterSource::kA1111: return "a1111";
    case ParameterSource::kComfyUi: return "comfyui";
    case ParameterSource::kInvokeAi: return "invokeai";
  }
  return "";
}

FoundParameters find_parameters(const PictureMetadata& picture) {
  for (const auto find : {find_infotext, find_invoke, find_comfy}) {
    if (Found found = find(picture)) return *std::move(found);
  }
  return {};
}

}  // namespace sd
