#include "cli/grid_sheet.h"

#include <algorithm>
#include <array>
#include <system_error>
#include <utility>

#include "core/check.h"
#include "io/atomic_file.h"
#include "io/foreign_parameters.h"
#include "io/latents_file.h"
#include "io/picture_metadata.h"
#include "io/read_picture.h"
#include "jobs/batch_names.h"
#include "jobs/done_list.h"
#include "jobs/grid_jobs.h"
#include "jobs/name_pieces.h"
#include "jobs/output_name.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFlag = "--sheet";
constexpr std::string_view kNone = "none";
constexpr const char* kHowNone = "--sheet none asks for the pictures alone";

/// The name and format of the sheet.
std::pair<std::string, PictureFormat> parse_sheet(const std::string& text) {
  std::vector<Placeholder> all;
  for (const PlaceholderName& row : kPlaceholderNames) all.push_back(row.placeholder);
  SD_CHECK(!has_placeholder(text, all), ErrorKind::kUsage, kFlag,
           " expects the name of one file, found '", text, "' with a placeholder");
  const BatchNames names = parse_batch_names(kFlag, text);
  return {names.pattern.print({}), names.format};
}

/// The file of a picture: under the name that --on-exist rename gave it, or that it was to have.
std::optional<fs::path> file_of(const DoneList& done, const BatchTask& task, const fs::path& folder,
                                const fs::path& file, bool may_be_of_others) {
  const std::string name = file.lexically_relative(folder).generic_string();
  std::error_code error;
  const auto image = done.read_back(static_cast<uint64_t>(task.index));
  if (image && (image->file == name || image->wanted_file == name)) {
    fs::path written = folder / image->file;
    if (fs::is_regular_file(written, error)) return written;
  }
  if (may_be_of_others && fs::is_regular_file(file, error)) return file;
  return std::nullopt;
}

Infotext parameters_in(const fs::path& file) {
  return find_parameters(read_picture_metadata(read_input_file(file), file.string())).text;
}

}  // namespace

GridSheet::GridSheet(const Arguments& arguments, std::vector<GridAxis> axes)
    : arguments_(arguments), axes_(std::move(axes)) {
  if (arguments.grid.sheet == kNone) return;
  std::tie(name_, encoding_.format) = parse_sheet(arguments.grid.sheet);
  encoding_.quality = arguments.quality.value_or(kDefaultQuality);
}

void GridSheet::add(const BatchTask& task, const BatchNamer::Name& name,
                    const ShelvedModel& model) {
  if (!is_wanted()) return;
  SD_CHECK(name.file != name_, ErrorKind::kUsage, "a picture of the grid has the name of ", kFlag,
           ", '", name_, "': expected another name");
  const auto [width, height] = size_of(task, *model.pipeline);
  width_ = std::max(width_, width);
  height_ = std::max(height_, height);
}

PixelSize GridSheet::size_of(const BatchTask& task, const Pipeline& pipeline) {
  if (const std::optional<PixelSize> size = painted_size(task, pipeline)) return *size;
  const StartShape& start = shape_of_start(task.job);
  Request request = task.job.request;
  request.init_image = start.picture;
  request.init_latents = start.latents;
  return pipeline.picture_size(request);
}

const GridSheet::StartShape& GridSheet::shape_of_start(const Job& job) {
  const bool is_picture = !job.init_image.empty();
  const std::string& file = is_picture ? job.init_image : job.init_latents;
  const auto found = starts_.find(file);
  if (found != starts_.end()) return found->second;
  StartShape shape;
  if (is_picture) {
    const Picture picture = read_picture(file);
    shape.picture = Picture{picture.width, picture.height, {}};
  } else {
    shape.latents = Latents{read_latents(file).shape, {}};
  }
  return starts_.emplace(file, std::move(shape)).first->second;
}

SheetLayout GridSheet::layout() const {
  SheetLayout layout;
  const std::array<std::vector<std::string>*, 3> sides = {&layout.columns, &layout.rows,
                                                          &layout.tables};
  for (const GridAxis& axis : axes_) {
    std::vector<std::string>& labels = *sides.at(static_cast<size_t>(axis.flag.back() - 'x'));
    labels.clear();
    for (size_t value = 0; value < axis.values.size(); ++value) {
      labels.push_back(axis_label(axis, value));
    }
  }
  layout.most_side = max_side(encoding_.format);
  return layout;
}

/// Whether the file is a sheet of these axes, which a resumed run makes again.
bool GridSheet::is_own(const fs::path& file) const {
  try {
    const Infotext there = parameters_in(file);
    return std::ranges::all_of(axis_fields(axes_), [&](const auto& field) {
      return there.field(field.first) == field.second;
    });
  } catch (const Error&) {
    return false;
  }
}

void GridSheet::check(const fs::path& folder, Console& console) const {
  if (!is_wanted()) return;
  try {
    const auto [width, height] = contact_sheet_size(layout(), width_, height_);
    console.detail(concat_text("a sheet of ", width, "x", height, " pixels"));
  } catch (const Error& error) {
    fail(error.kind(), error.what(), "; ", kHowNone);
  }
  const fs::path file = path_below(folder, name_);
  std::error_code error;
  const BatchArguments& batch = arguments_.batch;
  const bool may_be_there =
      batch.claim || !fs::exists(file, error) || (batch.resume && is_own(file));
  SD_CHECK(may_be_there || arguments_.on_exist.value_or(OnExist::kFail) != OnExist::kFail,
           ErrorKind::kOutput, "the file '", file.string(),
           "' is there already, and is not the sheet of this grid (--sheet names another one, "
           "--on-exist says what else to do)");
}

GridSheet::Cells GridSheet::read_cells(BatchSession& session) const {
  const bool may_be_of_others =
      session.is_shard() || arguments_.batch.claim || arguments_.on_exist == OnExist::kSkip;
  const DoneList done(session.folder());
  Cells cells;
  session.for_each_picture([&](const BatchTask& task, const fs::path& name) {
    cells.pictures.emplace_back();
    const auto file = file_of(done, task, session.folder(), name, may_be_of_others);
    if (!file) return;
    cells.pictures.back() = read_picture(*file);
    if (cells.found++ == 0) cells.parameters = parameters_in(*file);
  });
  return cells;
}

std::optional<GridSheet::Written> GridSheet::write(BatchSession& session, Console& console) const {
  if (!is_wanted()) return std::nullopt;
  Cells cells = read_cells(session);
  const auto missing = std::ssize(cells.pictures) - cells.found;
  if (cells.found == 0 || (session.is_shard() && missing > 0)) {
    console.note(cells.found == 0
                     ? std::string("no sheet: there is no picture for it")
                     : concat_text("no sheet yet: ", missing, " of its pictures ",
                                   missing == 1 ? "is" : "are",
                                   " of other processes; --resume without --shard makes it then"));
    return std::nullopt;
  }
  for (auto& field : axis_fields(axes_)) cells.parameters.fields.push_back(std::move(field));
  cells.parameters.fields.emplace_back("Pictures", std::to_string(cells.found));
  const Picture sheet = make_contact_sheet(cells.pictures, layout());
  cells.pictures.clear();
  const EncodedPicture encoded = encode_picture(sheet, print_infotext(cells.parameters), encoding_);
  if (!encoded.warning.empty()) console.warning(encoded.warning);
  const fs::path file = path_below(session.folder(), name_);
  NewFolders folders;
  folders.make(file.parent_path());
  const bool is_again = arguments_.batch.resume && is_own(file);
  const bool is_shared = session.is_shard() || arguments_.batch.claim;
  const OnExist on_exist = is_again    ? OnExist::kOverwrite
                           : is_shared ? OnExist::kSkip
                                       : arguments_.on_exist.value_or(OnExist::kFail);
  const auto written = write_file_atomically(file, encoded.bytes, on_exist);
  if (!written) return std::nullopt;
  return Written{*written, cells.found};
}

}  // namespace sd
