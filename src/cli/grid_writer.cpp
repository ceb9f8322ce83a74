#include "cli/grid_writer.h"

#include <iterator>

#include "core/check.h"
#include "io/atomic_file.h"
#include "io/picture_grid.h"
#include "io/png.h"
#include "jobs/output_name.h"

namespace sd {
namespace {

constexpr int64_t kMaxPixels = int64_t{1} << 28;

}  // namespace

std::optional<std::string> GridWriter::add(const Picture& picture, const std::string& parameters) {
  if (!plan_) return {};
  const auto [width, height] =
      grid_size(std::ssize(pictures_) + 1, plan_->columns, picture.width, picture.height);
  if (width * height > kMaxPixels) {
    plan_.reset();
    pictures_ = {};
    return concat_text("no grid: one of ", width, "x", height,
                       " pixels is too large (--skip_grid wants none)");
  }
  if (pictures_.empty()) parameters_ = parameters;
  pictures_.push_back(picture);
  return {};
}

std::optional<std::filesystem::path> GridWriter::write() const {
  if (!plan_ || pictures_.empty()) return {};
  const PngText text = {"parameters", parameters_};
  const std::vector<uint8_t> png = encode_png(make_grid(pictures_, plan_->columns), {&text, 1});
  OutputNames names = {
      .kind = OutputKind::kPattern, .folder = plan_->folder, .pattern = "grid-{index:04}.png"};
  names.first_index = plan_->first_number;
  for (int index = 0;; ++index) {
    const auto path = write_file_atomically(output_path(names, index, 0), png, OnExist::kSkip);
    if (path) return path;
  }
}

}  // namespace sd
