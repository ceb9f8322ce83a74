#include "core/model_json.h"

#include <nlohmann/json.hpp>

#include "core/check.h"

namespace sd {

using nlohmann::json;

void fail_broken_json(const std::string& name, size_t byte, size_t size) {
  SD_CHECK(byte <= size, ErrorKind::kModel, name, ": the JSON breaks off after ", size,
           " bytes; the download or copy did not finish");
  fail(ErrorKind::kModel, name, ": not valid JSON (at byte ", byte, ")");
}

json parse_json_object(const std::string& text, const std::string& name) {
  std::string key;
  const auto check = [&](int depth, json::parse_event_t event, json& parsed) {
    SD_CHECK(depth < kMaxJsonDepth, ErrorKind::kModel, name, ": the JSON is nested too deeply");
    if (event == json::parse_event_t::key) key = parsed.get<std::string>();
    return true;
  };
  json value;
  try {
    value = json::parse(text, check);
  } catch (const json::parse_error& error) {
    fail_broken_json(name, error.byte, text.size());
  } catch (const json::out_of_range& error) {  // "… number overflow parsing '1e400'"
    const std::string what = error.what();
    const size_t begin = what.find('\'') + 1;
    fail(ErrorKind::kModel, name, ": '", key, "' should be a finite number, found ",
         what.substr(begin, what.rfind('\'') - begin));
  }
  SD_CHECK(value.is_object(), ErrorKind::kModel, name,
           ": expected a JSON object at the top, found ", value.type_name());
  return value;
}

}  // namespace sd
