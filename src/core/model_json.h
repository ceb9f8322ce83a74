#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace sd {

/// How deep JSON may be nested: the parser is iterative, a tree's destructor and dump() are not.
constexpr int kMaxJsonDepth = 64;

/// Throws kModel: the JSON of `name`, `size` bytes long, cannot be read on from `byte`.
[[noreturn]] void fail_broken_json(const std::string& name, size_t byte, size_t size);

/// The tree of a JSON object. `name` is the file in messages.
/// Errors: kModel for what is broken, cut short, nested too deeply, no object, or has a number
/// beyond what a double holds, naming its key.
nlohmann::json parse_json_object(const std::string& text, const std::string& name);

}  // namespace sd
