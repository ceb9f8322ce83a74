#include "io/resize_lanczos.h"

#include <zlib.h>

#include "pictures_support.h"

namespace sd {
namespace {

TEST(ResizeLanczos, EqualsPillow) {
  for (const auto& test : golden("resize")) {
    SCOPED_TRACE(test["from"].dump() + " -> " + test["to"].dump());
    const int width = test["from"][0];
    const int height = test["from"][1];
    const Picture source{width, height, noise_bytes(test["seed"], std::size_t{3} * width * height)};
    const Picture out = resize_lanczos(source, test["to"][0], test["to"][1]);
    EXPECT_EQ(out.width, test["to"][0]);
    EXPECT_EQ(out.height, test["to"][1]);
    if (test.contains("rgb")) {
      EXPECT_EQ(out.rgb, from_hex(test["rgb"]));
    }
    EXPECT_EQ(crc32(0, out.rgb.data(), static_cast<uInt>(out.rgb.size())), test["crc"]);
  }
}

TEST(ResizeLanczos, RefusesWhatHasNoSize) {
  const Picture pixel{1, 1, {1, 2, 3}};
  expect_error([&] { resize_lanczos(pixel, 0, 4); }, ErrorKind::kUsage, "0 x 4");
  expect_error([&] { resize_lanczos(pixel, 4, -1); }, ErrorKind::kUsage, "4 x -1");
  expect_error([&] { resize_lanczos({}, 4, 4); }, ErrorKind::kUsage, "empty picture");
}

}  // namespace
}  // namespace sd
