#include "cli/picture_info.h"

#include <array>
#include <nlohmann/json.hpp>

#include "cli/repaint.h"
#include "core/check.h"
#include "io/utf8.h"

namespace sd {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kSchema = 1;

struct Facts {
  const std::string& file;
  const PictureInfo* info = nullptr;  ///< nullptr: the file could not be read
  std::string error = {};
};

/// In which lines a key is.
enum class In { kAll, kRead, kFailed, kWithParameters };

struct Key {
  std::string_view name;
  In in;
  Json (*value)(const Facts& facts);
  std::string_view meaning;
};

Json fields_of(const Infotext& text) {
  Json object = Json::object();
  for (const auto& [key, value] : text.fields) object[key] = value;
  return object;
}

/// With which arguments sd paints it again; none where it did not paint it, or they are not known.
std::vector<std::string> command_of(const PictureInfo& info) {
  const FoundParameters& found = info.parameters;
  if (found.source != ParameterSource::kSd) return {};
  return repaint_arguments(found.text);
}

const std::array kKeys = {
    Key{"schema", In::kAll, [](const Facts&) -> Json { return kSchema; },
        "1; with this number keys may be added, but none goes or changes"},
    Key{"file", In::kAll, [](const Facts& facts) -> Json { return facts.file; }, "as it was named"},
    Key{"error", In::kFailed, [](const Facts& facts) -> Json { return facts.error; },
        "why it could not be read; this key alone tells that it could not"},
    Key{"format", In::kRead,
        [](const Facts& facts) -> Json { return format_name(facts.info->picture.format); },
        "png, jpg or webp"},
    Key{"width", In::kRead, [](const Facts& facts) -> Json { return facts.info->picture.width; },
        "pixels, upright"},
    Key{"height", In::kRead, [](const Facts& facts) -> Json { return facts.info->picture.height; },
        "pixels, upright"},
    Key{"source", In::kRead,
        [](const Facts& facts) -> Json { return source_name(facts.info->parameters.source); },
        "who wrote the parameters: sd, a1111 (or what writes as it does), comfyui, invokeai; none: "
        "there are no parameters"},
    Key{"prompt", In::kWithParameters,
        [](const Facts& facts) -> Json { return facts.info->parameters.text.prompt; }, "its text"},
    Key{"negative_prompt", In::kWithParameters,
        [](const Facts& facts) -> Json { return facts.info->parameters.text.negative_prompt; },
        "its text, maybe empty"},
    Key{"fields", In::kWithParameters,
        [](const Facts& facts) -> Json { return fields_of(facts.info->parameters.text); },
        "an object: the other parameters as texts, under the names that A1111 gives them, Steps, "
        "Sampler, CFG scale, Seed, Size and Model say"},
    Key{"command", In::kWithParameters,
        [](const Facts& facts) -> Json {
          const std::vector<std::string> arguments = command_of(*facts.info);
          return arguments.empty() ? Json(nullptr) : Json(arguments);
        },
        "a list: the arguments with which sd paints it again, the command first; null where sd did "
        "not paint it"},
    Key{"warning", In::kRead,
        [](const Facts& facts) -> Json {
          const std::string& warning = facts.info->parameters.warning;
          return warning.empty() ? Json(nullptr) : Json(warning);
        },
        "what could not be read of the parameters, else null"},
};

bool is_in(const Key& key, const Facts& facts) {
  switch (key.in) {
    case In::kAll: return true;
    case In::kRead: return facts.info != nullptr;
    case In::kFailed: return facts.info == nullptr;
    case In::kWithParameters:
      return facts.info && facts.info->parameters.source != ParameterSource::kNone;
  }
  return false;
}

/// On one line; bytes of a file name that are no UTF-8 become U+FFFD.
std::string print_line(const Facts& facts) {
  Json object;
  for (const Key& key : kKeys) {
    if (is_in(key, facts)) object[std::string(key.name)] = key.value(facts);
  }
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// Text with line breaks and tabs, but without what else steers a terminal.
std::string printable(std::string_view text) {
  std::string copy;
  while (!text.empty()) {
    const auto [value, length] = code_point(text);
    const bool steers =
        (value < 0x20 && value != '\n' && value != '\t') || (value >= 0x7f && value < 0xa0);
    copy += steers ? "?" : text.substr(0, length);
    text.remove_prefix(length);
  }
  return copy;
}

std::string_view describe(ParameterSource source) {
  switch (source) {
    case ParameterSource::kNone: return "no parameters";
    case ParameterSource::kSd: return "parameters of sd";
    case ParameterSource::kA1111: return "parameters as A1111 writes them";
    case ParameterSource::kComfyUi: return "parameters of ComfyUI";
    case ParameterSource::kInvokeAi: return "parameters of InvokeAI";
  }
  return "";
}

}  // namespace

std::string display_name(const std::string& file) { return file == "-" ? "standard input" : file; }

PictureInfo read_picture_info(std::span<const uint8_t> bytes, const std::string& file) {
  PictureInfo info{file, read_picture_metadata(bytes, display_name(file)), {}};
  info.parameters = find_parameters(info.picture);
  return info;
}

std::string print_picture_info(const PictureInfo& info) {
  const PictureMetadata& picture = info.picture;
  const FoundParameters& found = info.parameters;
  std::string text =
      concat_text(display_name(info.file), ": ", format_title(picture.format), ", ", picture.width,
                  " x ", picture.height, " pixels, ", describe(found.source), "\n");
  if (found.source != ParameterSource::kNone) {
    text += "Prompt: " + found.text.prompt + "\n";
    if (!found.text.negative_prompt.empty()) {
      text += "Negative prompt: " + found.text.negative_prompt + "\n";
    }
    for (const auto& [key, value] : found.text.fields) text += concat_text(key, ": ", value, "\n");
    const std::vector<std::string> command = command_of(info);
    if (!command.empty()) text += "Command: " + print_command(command) + "\n";
  }
  return printable(text);
}

std::string picture_info_json(const PictureInfo& info) {
  return print_line({.file = info.file, .info = &info});
}

std::string failed_info_json(const std::string& file, const std::string& error) {
  return print_line({.file = file, .error = error});
}

std::vector<HelpRow> picture_info_keys() {
  std::vector<HelpRow> rows;
  for (const Key& key : kKeys) rows.push_back({key.name, key.meaning});
  return rows;
}

}  // namespace sd
