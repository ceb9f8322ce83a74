#include "api/engine.h"

#include <dlfcn.h>
#include <filesystem>
#include <string>
#include <system_error>

#include "core/check.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLibrary = "libsd_core.so";
constexpr const char* kApiLibrary = "libsd.so";

/// The folder of the program or shared library that this code is in.
fs::path own_folder() {
  Dl_info own{};
  ::dladdr(reinterpret_cast<const void*>(&own_folder), &own);
  std::error_code error;
  const fs::path executable = fs::read_symlink("/proc/self/exe", error);
  // Of a program the loader knows the name alone under which it was called.
  const fs::path name = own.dli_fname == nullptr ? "" : own.dli_fname;
  return name.filename() == kApiLibrary ? fs::canonical(name, error).parent_path()
                                        : executable.parent_path();
}

/// Beside the program or library as installed or built, else wherever the loader finds it.
std::string library_path() {
  const fs::path folder = own_folder();
  std::error_code error;
  for (const fs::path& path : {folder / kLibrary, folder.parent_path() / "lib" / kLibrary}) {
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
