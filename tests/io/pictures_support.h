#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iterator>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>
#include <zlib.h>

#include "sd/error.h"

#include "io/read_picture.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"

namespace sd {

using Bytes = std::vector<std::uint8_t>;

inline nlohmann::json golden(const std::string& name) {
  std::ifstream file(std::string(SD_TEST_DATA) + "/pictures/" + name + ".json");
  return nlohmann::json::parse(file);
}

inline Bytes from_hex(const std::string& hex) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

inline Bytes to_bytes(std::string_view text) { return {text.begin(), text.end()}; }

/// The same bytes as noise_bytes of tools/fixtures/pictures.py.
inline Bytes noise_bytes(std::uint32_t seed, std::size_t count) {
  Bytes bytes(count);
  for (std::uint8_t& byte : bytes) {
    seed = seed * 1664525 + 1013904223;
    byte = static_cast<std::uint8_t>(seed >> 24);
  }
  return bytes;
}

inline Bytes file_bytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline void write_bytes(const std::filesystem::path& path, std::span<const std::uint8_t> bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

/// The file of the golden case of that name.
inline Bytes file_of(const nlohmann::json& cases, const std::string& name) {
  for (const auto& test : cases) {
    if (test["name"] == name) return from_hex(test["file"]);
  }
  ADD_FAILURE() << name;
  return {};
}

/// Expects of a golden case's file the size and the pixels, or their checksum, that Pillow read.
inline void expect_pillows_pixels(const nlohmann::json& test) {
  SCOPED_TRACE(test["name"]);
  const Picture picture = read_picture_bytes(from_hex(test["file"]), test["name"]);
  EXPECT_EQ(picture.width, test["width"]);
  EXPECT_EQ(picture.height, test["height"]);
  if (test.contains("rgb")) {
    EXPECT_EQ(picture.rgb, from_hex(test["rgb"]));
  } else {
    EXPECT_EQ(crc32(0, picture.rgb.data(), static_cast<uInt>(picture.rgb.size())), test["crc"]);
  }
}

}  // namespace sd
