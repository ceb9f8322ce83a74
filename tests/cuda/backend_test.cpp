// Without a GPU: what is said of it, and whether the CUDA half loads. With one: what it does there.

#include "core/backend.h"

#include <cstdlib>
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdexcept>

#include "sd/error.h"

#include "core/tensor_ops.h"

namespace sd {
namespace {

using ::testing::HasSubstr;

std::string load_failure(const std::string& library) {
  try {
    load_backend(library);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(GpuBackend, EitherExistsOrSaysWhyNot) {
  if (gpu_backend()) {
    EXPECT_GE(gpu_backend()->device_count(), 1);
    EXPECT_EQ(gpu_unavailable_reason(), "");
  } else {
    EXPECT_NE(gpu_unavailable_reason(), "");
  }
}

TEST(GpuBackend, NamesTheMissingDriver) {
  if (dlopen("libcuda.so.1", RTLD_LAZY)) GTEST_SKIP() << "this machine has an NVIDIA driver";
  EXPECT_EQ(gpu_backend(), nullptr);
  EXPECT_THAT(gpu_unavailable_reason(), HasSubstr("there is no NVIDIA driver (libcuda.so.1"));
}

TEST(LoadBackend, NamesTheLibraryThatIsNotThere) {
  EXPECT_THAT(load_failure("/nowhere/libsd_cuda.so"),
              HasSubstr("the CUDA half cannot be loaded: /nowhere/libsd_cuda.so"));
}

TEST(LoadBackend, RefusesAnotherLibrary) {
  EXPECT_THAT(load_failure("libm.so.6"), HasSubstr("libm.so.6 is not a CUDA half"));
}

#ifdef SD_CUDA_LIBRARY
TEST(LoadBackend, LoadsTheCudaHalfWithoutAGpu) {
  gpu_backend();  // first, as everywhere
  if (!dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL)) {
    GTEST_SKIP() << "the wheel's CUDA libraries are not installed: " << dlerror();
  }
  Backend& backend = load_backend(SD_CUDA_LIBRARY);
  if (gpu_backend()) {
    EXPECT_EQ(&backend, gpu_backend());
  } else {
    EXPECT_EQ(backend.device_count(), 0);
    EXPECT_ANY_THROW(backend.memory(0));
  }
}
#endif

/// Tests that need a GPU.
class OnGpu : public ::testing::Test {
 protected:
  void SetUp() override {
    if (gpu_backend()) return;
    if (std::getenv("SD_REQUIRE_GPU")) FAIL() << gpu_unavailable_reason();  // tools/gpu_test.sh
    GTEST_SKIP() << gpu_unavailable_reason();
  }

  Backend& gpu() { return *gpu_backend(); }
  const at::Device device_ = at::Device(at::kCUDA, 0);
};

TEST_F(OnGpu, DeviceHasANameAndMemory) {
  EXPECT_NE(gpu().device_name(0), "");
  const DeviceMemory memory = gpu().memory(0);
  EXPECT_GT(memory.total, 1u << 30);
  EXPECT_LE(memory.free, memory.total);
  EXPECT_ANY_THROW(gpu().memory(gpu().device_count()));
}

TEST_F(OnGpu, PeakRemembersWhatWasFreed) {
  constexpr uint64_t kBytes = 64u << 20;
  gpu().reset_peak(0);
  const uint64_t before = gpu().memory(0).used;
  {
    const at::Tensor tensor = at::zeros({int64_t{kBytes}}, at::device(device_).dtype(at::kByte));
    EXPECT_EQ(gpu().memory(0).used, before + kBytes);
  }
  EXPECT_EQ(gpu().memory(0).used, before);
  EXPECT_GE(gpu().memory(0).peak, before + kBytes);
  gpu().reset_peak(0);
  EXPECT_EQ(gpu().memory(0).peak, before);
}

TEST_F(OnGpu, EmptyCacheGivesMemoryBack) {
  { at::zeros({256 << 20}, at::device(device_).dtype(at::kByte)); }
  gpu().synchronize(0);
  const uint64_t cached = gpu().memory(0).free;
  gpu().empty_cache();
  EXPECT_GE(gpu().memory(0).free, cached + (256u << 20));
}

TEST_F(OnGpu, PinnedCopyHasTheSameValues) {
  const at::Tensor source = at::arange(12, at::kFloat).reshape({3, 4}).t();
  const at::Tensor pinned = gpu().pinned_copy(source);
  EXPECT_TRUE(pinned.is_pinned());
  EXPECT_TRUE(at::equal(pinned, source));
  const at::Tensor there = pinned.to(device_, at::kFloat, /*non_blocking=*/true);
  gpu().synchronize(0);
  EXPECT_TRUE(at::equal(there.cpu(), source));
}

TEST_F(OnGpu, ReplayReadsItsInputsAnew) {
  const at::Tensor weight = at::randn({64, 64}, at::device(device_));
  const at::Tensor input = at::ones({8, 64}, at::device(device_));
  const at::Tensor output = at::zeros({8, 64}, at::device(device_));
  const auto work = [&] { output.copy_(at::silu(at::matmul(input, weight))); };
  const std::unique_ptr<RecordedWork> recorded = gpu().record(0, work);
  for (const double value : {2.0, -3.0}) {
    input.fill_(value);
    work();
    const at::Tensor expected = output.clone();
    output.zero_();
    recorded->replay();
    gpu().synchronize(0);
    EXPECT_TRUE(at::allclose(output, expected)) << "input " << value;
  }
}

TEST_F(OnGpu, ErrorsOfRecordedWorkPassThrough) {
  int calls = 0;
  const auto fails_when_recorded = [&] {
    if (++calls == 4) throw std::out_of_range("fourth call");
    at::ones({4}, at::device(device_));
  };
  EXPECT_THROW(gpu().record(0, fails_when_recorded), std::out_of_range);
  const at::Tensor sum = at::ones({4}, at::device(device_)).sum();  // the device still works
  EXPECT_EQ(sum.item<float>(), 4);
}

}  // namespace
}  // namespace sd
