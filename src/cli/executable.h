#pragma once

#include <filesystem>

namespace sd {

/// The folder of the running program, links resolved; empty where the system does not say.
std::filesystem::path executable_folder();

}  // namespace sd
