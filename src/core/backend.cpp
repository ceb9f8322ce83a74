#include "core/backend.h"

#include <array>
#include <dlfcn.h>
#include <filesystem>
#include <optional>

#include "core/check.h"

namespace sd {
namespace {

constexpr int kOldestDriver = 13000;  // CUDA 13.0, which the pinned libtorch is built with

/// The CUDA driver API (cuda.h), of which three functions are called; the headers are not needed.
struct Driver {
  int (*init)(unsigned);
  int (*version)(int*);
  int (*device_count)(int*);
};

template <typename Function>
bool find_symbol(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

/// Why the driver cannot be used, or nothing.
std::optional<std::string> driver_problem() {
  void* library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_GLOBAL);
  if (!library) return concat_text("there is no NVIDIA driver (", dlerror(), ")");
  Driver driver{};
  if (!find_symbol(library, "cuInit", driver.init) ||
      !find_symbol(library, "cuDriverGetVersion", driver.version) ||
      !find_symbol(library, "cuDeviceGetCount", driver.device_count)) {
    return concat_text("libcuda.so.1 is not the NVIDIA driver (", dlerror(), ")");
  }
  int version = 0;
  if (driver.version(&version) == 0 && version < kOldestDriver) {
    return concat_text("the NVIDIA driver is too old: it speaks CUDA ", version / 1000, ".",
                       version % 1000 / 10, ", and ", kOldestDriver / 1000, ".0 is needed");
  }
  if (const int status = driver.init(0)) {
    return concat_text("the NVIDIA driver does not start (cuInit answers ", status, ")");
  }
  int count = 0;
  if (const int status = driver.device_count(&count)) {
    return concat_text("the NVIDIA driver names no GPU (cuDeviceGetCount answers ", status, ")");
  }
  if (count == 0) return "the NVIDIA driver sees no GPU (is CUDA_VISIBLE_DEVICES set?)";
  return std::nullopt;
}

/// The file that holds this code: libsd_core.so, or the program that has it linked in.
std::filesystem::path own_file() {
  Dl_info info{};
  dladdr(reinterpret_cast<void*>(&gpu_backend), &info);
  return std::filesystem::canonical(info.dli_fname);
}

std::string backend_library() {
  const std::filesystem::path folder = own_file().parent_path();
  const std::array places = {folder / "libsd_cuda.so", folder.parent_path() / "lib/libsd_cuda.so"};
  for (const auto& place : places) {
    if (std::filesystem::exists(place)) return place;
  }
  fail(ErrorKind::kUsage, "this build has no CUDA half (no ", places[0].string(), ")");
}

struct Search {
  Backend* backend = nullptr;
  std::string reason;
};

Search search() {
  if (auto problem = driver_problem()) return {nullptr, *problem};
  try {
    Backend& backend = load_backend(backend_library());
    if (backend.device_count() > 0) return {&backend, ""};
    return {nullptr, "libtorch finds no GPU that it can use"};
  } catch (const Error& error) {
    return {nullptr, error.what()};
  }
}

const Search& found() {
  static const Search kResult = search();
  return kResult;
}

}  // namespace

Backend* gpu_backend() { return found().backend; }

const std::string& gpu_unavailable_reason() { return found().reason; }

Backend& load_backend(const std::string& library) {
  // Never closed: libtorch keeps what the CUDA libraries register as they are loaded.
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_GLOBAL);
  SD_CHECK(handle, ErrorKind::kUsage, "the CUDA half cannot be loaded: ", dlerror());
  Backend* (*make)() = nullptr;
  SD_CHECK(find_symbol(handle, "sd_cuda_backend", make), ErrorKind::kUsage, library,
           " is not a CUDA half: ", dlerror());
  return *make();
}

}  // namespace sd
