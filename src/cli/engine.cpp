#include "cli/engine.h"

#include <dlfcn.h>
#include <filesystem>
#include <string>
#include <system_error>

#include "cli/executable.h"
#include "core/check.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLibrary = "libsd_core.so";

/// Beside the program as installed or built, else wherever the loader finds it.
std::string library_path() {
  const fs::path folder = executable_folder();
  std::error_code error;
  for (const fs::path& path : {folder.parent_path() / "lib" / kLibrary, folder / kLibrary}) {
    if (fs::exists(path, error)) return path.string();
  }
  return kLibrary;
}

EngineFactory open_engine() {
  const std::string path = library_path();
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);  // stays open until the end
  SD_CHECK(library != nullptr, ErrorKind::kModel, "the engine cannot be opened: ", ::dlerror());
  void* factory = ::dlsym(library, kEngineFactory);
  SD_CHECK(factory != nullptr, ErrorKind::kModel, path, " is not the engine of sd: it lacks ",
           kEngineFactory);
  return reinterpret_cast<EngineFactory>(factory);
}

}  // namespace

std::unique_ptr<Pipeline> load_pipeline(const LoadOptions& options, Observer& observer) {
  static const EngineFactory kFactory = open_engine();
  SD_CHECK(!observer.stop_requested(), ErrorKind::kInterrupted, "stopped");
  return std::unique_ptr<Pipeline>(kFactory(&options, &observer));
}

}  // namespace sd
