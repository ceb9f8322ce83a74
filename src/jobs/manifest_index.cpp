#include "jobs/manifest_index.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <set>
#include <system_error>
#include <tuple>
#include <unistd.h>
#include <utility>
#include <variant>

#include "core/check.h"
#include "jobs/manifest_reader.h"
#include "jobs/manifest_writer.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostManifests = std::size_t{1} << 16;
constexpr std::size_t kMostOpen = 256;  // well below the 1024 descriptors that a process may have

}  // namespace

bool ManifestIndex::Entry::operator<(const Entry& other) const {
  return std::tie(index, started, place) < std::tie(other.index, other.started, other.place);
}

ManifestIndex::ManifestIndex(std::vector<fs::path> manifests, WhileWritten while_written)
    : manifests_(std::move(manifests)), descriptors_(std::min(manifests_.size(), kMostOpen), -1) {
  SD_CHECK(manifests_.size() <= kMostManifests, ErrorKind::kInput, "at most ", kMostManifests,
           " manifests can be read at once, found ", manifests_.size());
  for (std::size_t i = 0; i < manifests_.size(); ++i) {
    ManifestReader reader(manifests_[i]);
    if (while_written == WhileWritten::kRefuse) {
      lock_manifest(reader.descriptor(), LockKind::kShared, manifests_[i]);
    }
    while (auto line = reader.next()) {
      if (auto* run = std::get_if<ManifestRun>(&*line)) {
        runs_.push_back({manifests_[i], std::move(*run)});
        continue;
      }
      const auto* image = std::get_if<ManifestImage>(&*line);
      entries_.push_back(
          {.index = image != nullptr ? image->index : std::get<ManifestFailure>(*line).index,
           .place = static_cast<std::uint64_t>(i) << kOffsetBits | reader.offset(),
           .started = reader.started(),
           .length = static_cast<std::uint32_t>(reader.text().size())});
    }
  }
  std::ranges::sort(entries_, std::less());
}

ManifestIndex::~ManifestIndex() {
  for (const int descriptor : descriptors_) {
    if (descriptor >= 0) ::close(descriptor);
  }
  if (other_descriptor_ >= 0) ::close(other_descriptor_);
}

const ManifestRun& ManifestIndex::last_run() const {
  SD_CHECK(!runs_.empty(), ErrorKind::kInput, "'", manifests_.front().string(),
           "' has no run in it: nothing was begun there");
  return std::ranges::max_element(runs_, std::less(),
                                  [](const Run& run) { return run.run.started; })
      ->run;
}

int ManifestIndex::descriptor(std::size_t manifest) const {
  const auto open = [&] {
    const int opened = ::open(manifests_[manifest].c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    SD_CHECK(opened >= 0, ErrorKind::kInput, "cannot read '", manifests_[manifest].string(),
             "': ", std::generic_category().message(errno));
    return opened;
  };
  if (manifest < descriptors_.size()) {
    if (descriptors_[manifest] < 0) descriptors_[manifest] = open();
    return descriptors_[manifest];
  }
  if (other_descriptor_ < 0 || other_manifest_ != manifest) {
    if (other_descriptor_ >= 0) ::close(std::exchange(other_descriptor_, -1));
    other_descriptor_ = open();
    other_manifest_ = manifest;
  }
  return other_descriptor_;
}

std::string ManifestIndex::text(const Entry& entry) const {
  std::string text(entry.length, '\0');
  const int file = descriptor(entry.manifest());
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t count = ::pread(file, text.data() + done, text.size() - done,
                                  static_cast<off_t>(entry.offset() + done));
    if (count < 0 && errno == EINTR) continue;
    SD_CHECK(count > 0, ErrorKind::kInput, "cannot read '", manifests_[entry.manifest()].string(),
             "' again: ", count < 0 ? std::generic_category().message(errno) : "it became shorter");
    done += static_cast<std::size_t>(count);
  }
  return text;
}

ManifestLine ManifestIndex::parse(const Entry& entry, const std::string& text) const {
  return parse_manifest_line(text, concat_text(manifests_[entry.manifest()].string(),
                                               ", the line at byte ", entry.offset()));
}

std::vector<fs::path> named_manifests(const std::vector<fs::path>& folders_and_files) {
  std::vector<fs::path> named;
  for (const fs::path& path : folders_and_files) {
    std::error_code error;
    if (!fs::is_directory(path, error)) {
      named.push_back(path);
      continue;
    }
    const std::vector<fs::path> found = find_manifests(path);
    SD_CHECK(!found.empty(), ErrorKind::kInput, "the folder '", path.string(),
             "' has no manifest: expected ", manifest_name(), " or files such as ",
             manifest_name(0, 4));
    named.insert(named.end(), found.begin(), found.end());
  }
  std::set<fs::path> known;
  std::erase_if(named, [&](const fs::path& path) {
    std::error_code error;
    return !known.insert(fs::weakly_canonical(path, error)).second;
  });
  return named;
}

}  // namespace sd
