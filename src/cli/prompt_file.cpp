#include "cli/prompt_file.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <iterator>

#include "sd/error.h"

#include "core/check.h"
#include "io/read_picture.h"
#include "io/utf8.h"

namespace sd {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

/// Bytes of the line end that `text` begins with, 0 where it begins with none.
size_t line_end(std::string_view text) {
  constexpr std::array<std::string_view, 11> kEnds = {
      "\r\n", "\n",   "\r",       "\v",           "\f",          "\x1c",
      "\x1d", "\x1e", "\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9"};
  const auto* at =
      std::ranges::find_if(kEnds, [&](std::string_view end) { return text.starts_with(end); });
  return at == kEnds.end() ? 0 : at->size();
}

std::string read_all(const std::string& path) {
  if (path == "-") {
    return {std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
  }
  try {
    const std::vector<uint8_t> bytes = read_input_file(path);
    return {bytes.begin(), bytes.end()};
  } catch (const Error& error) {  // a list of prompts is no input picture: another exit code
    fail(ErrorKind::kUsage, "--from-file: ", error.what());
  }
}

}  // namespace

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines;
  size_t begin = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = line_end(text.substr(at));
    if (end == 0) {
      ++at;
      continue;
    }
    lines.emplace_back(text.substr(begin, at - begin));
    at += end;
    begin = at;
  }
  if (begin < text.size()) lines.emplace_back(text.substr(begin));
  return lines;
}

std::vector<std::string> read_prompt_file(const std::string& path) {
  const std::string name = path == "-" ? "standard input" : path;
  std::string text = read_all(path);
  if (text.starts_with(kByteOrderMark)) text.erase(0, kByteOrderMark.size());
  std::vector<std::string> lines = split_lines(text);
  SD_CHECK(!lines.empty(), ErrorKind::kUsage, "--from-file: ", name,
           " is empty, at least one prompt was expected");
  for (size_t i = 0; i < lines.size(); ++i) {
    SD_CHECK(is_utf8(lines[i]), ErrorKind::kUsage, "--from-file: ", name, ", line ", i + 1,
             ": text in UTF-8 was expected, found bytes that are not");
  }
  return lines;
}

}  // namespace sd
