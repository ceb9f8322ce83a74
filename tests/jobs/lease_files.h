#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "jobs/lease_file.h"
#include "tests/support/temporary_folder.h"

namespace sd {

inline std::filesystem::path lease_of(const TemporaryFolder& folder, int key, int turn = 0) {
  return folder / ".sd-claims" / (std::to_string(key) + "." + std::to_string(turn) + ".lease");
}

inline void set_age(const std::filesystem::path& file, std::chrono::seconds age) {
  std::filesystem::last_write_time(file, std::filesystem::file_time_type::clock::now() - age);
}

/// As if a process of another host held `key`, and had touched its lease so long ago.
inline void let_another_host_hold(const TemporaryFolder& folder, int key, std::chrono::seconds age,
                                  std::chrono::milliseconds lifetime = std::chrono::seconds(60)) {
  LeaseHolder holder = LeaseHolder::here(0, lifetime);
  holder.host += "-other";
  holder.pid = 1;
  folder.write(".sd-claims/" + std::to_string(key) + ".0.lease", print_lease(holder));
  set_age(lease_of(folder, key), age);
}

inline std::vector<std::string> names_in(const TemporaryFolder& folder) {
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(folder / ".sd-claims")) {
    names.push_back(file.path().filename());
  }
  return names;
}

}  // namespace sd
