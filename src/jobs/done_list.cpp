#include "jobs/done_list.h"

#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>
#include <variant>

#include "core/check.h"
#include "io/atomic_file.h"
#include "io/sha256.h"
#include "jobs/file_digest.h"
#include "jobs/job_hash.h"
#include "jobs/manifest_reader.h"

namespace sd {
namespace {

/// The first 64 bits of the SHA-256 of a text.
std::uint64_t short_digest(std::string_view text) {
  constexpr int kDigits = 16;
  Sha256 hash;
  hash.add(text);
  const std::string hex = hash.hex();
  std::uint64_t digest = 0;
  std::from_chars(hex.data(), hex.data() + kDigits, digest, 16);
  return digest;
}

const std::string& wanted_file(const ManifestImage& image) {
  return image.wanted_file.empty() ? image.file : image.wanted_file;
}

}  // namespace

std::uint32_t DoneList::job_digest(std::string_view job, std::string_view file) {
  constexpr std::uint32_t kBits31 = 0x7fffffff;
  return static_cast<std::uint32_t>(short_digest(concat_text(job, '\n', file))) & kBits31;
}

std::uint64_t DoneList::whole_digest(std::uint64_t index, std::string_view job,
                                     std::string_view file, std::string_view sha256) {
  const std::uint64_t digest =
      short_digest(concat_text(index, '\n', job, '\n', file, '\n', sha256));
  return digest == 0 ? 1 : digest;
}

DoneList::DoneList(std::filesystem::path folder) : folder_(std::move(folder)) {
  for (const std::filesystem::path& manifest : find_manifests(folder_)) read(manifest);
}

void DoneList::read(const std::filesystem::path& manifest) {
  ManifestReader reader(manifest);
  while (auto line = reader.next()) {
    if (auto* run = std::get_if<ManifestRun>(&*line)) {
      add_run(std::move(*run));
    } else if (const auto* failure = std::get_if<ManifestFailure>(&*line)) {
      Entry* entry = entry_for_line(failure->index, reader.started());
      if (entry == nullptr) continue;
      if (entry->whole != 0) --size_;
      *entry = {.started = reader.started()};
    } else if (const auto* image = std::get_if<ManifestImage>(&*line)) {
      Entry* entry = entry_for_line(image->index, reader.started());
      if (entry == nullptr) continue;
      if (entry->whole == 0) ++size_;
      *entry = {.started = reader.started(),
                .job = job_digest(image->job, wanted_file(*image)),
                .is_renamed = image->wanted_file.empty() ? 0u : 1u,
                .whole = whole_digest(image->index, image->job, image->file, image->sha256)};
    }
  }
}

void DoneList::add_run(ManifestRun run) {
  const auto is_alike = [&](ManifestRun known) {
    known.started = run.started;
    known.shard = run.shard;
    return known == run;
  };
  if (std::ranges::none_of(runs_, is_alike)) runs_.push_back(std::move(run));
}

DoneList::Entry* DoneList::entry_for_line(std::uint64_t index, std::uint32_t started) {
  std::vector<Entry>& chunk = chunks_[index / kChunk];
  if (chunk.empty()) chunk.resize(kChunk);
  Entry& entry = chunk[index % kChunk];
  return started >= entry.started ? &entry : nullptr;
}

const DoneList::Entry* DoneList::find(std::uint64_t index) const {
  const auto chunk = chunks_.find(index / kChunk);
  if (chunk == chunks_.end()) return nullptr;
  const Entry& entry = chunk->second[index % kChunk];
  return entry.whole == 0 ? nullptr : &entry;
}

DoneState DoneList::state(std::uint64_t index, std::string_view job,
                          const std::string& file) const {
  const Entry* entry = find(index);
  if (entry == nullptr) return DoneState::kMissing;
  if (entry->job != job_digest(job, file)) return DoneState::kChanged;
  if (entry->is_renamed == 0) {
    return is_whole(*entry, index, job, file) ? DoneState::kDone : DoneState::kDamaged;
  }
  for (int number = 1;; ++number) {  // it took the first name that was free
    const std::string name = numbered_path(file, number).string();
    std::error_code error;
    if (!std::filesystem::exists(folder_ / name, error)) return DoneState::kDamaged;
    if (is_whole(*entry, index, job, name)) return DoneState::kDone;
  }
}

bool DoneList::is_whole(const Entry& entry, std::uint64_t index, std::string_view job,
                        const std::string& file) const {
  const auto digest = digest_file(folder_ / file);
  return digest && whole_digest(index, job, file, digest->sha256) == entry.whole;
}

std::optional<ManifestImage> DoneList::read_back(std::uint64_t index) const {
  std::optional<ManifestImage> last;
  std::uint32_t last_started = 0;
  for (const std::filesystem::path& manifest : find_manifests(folder_)) {
    ManifestReader reader(manifest);
    while (auto line = reader.next()) {
      auto* image = std::get_if<ManifestImage>(&*line);
      const auto* failure = std::get_if<ManifestFailure>(&*line);
      const bool is_of_index = (image != nullptr && image->index == index) ||
                               (failure != nullptr && failure->index == index);
      if (!is_of_index || reader.started() < last_started) continue;
      last_started = reader.started();
      last.reset();
      if (image != nullptr) last = std::move(*image);
    }
  }
  return last;
}

bool DoneList::names(const std::string& file) {
  if (!files_) {
    files_.emplace();
    for (const std::filesystem::path& manifest : find_manifests(folder_)) {
      ManifestReader reader(manifest);
      while (const auto line = reader.next()) {
        if (const auto* image = std::get_if<ManifestImage>(&*line)) files_->insert(image->file);
      }
    }
  }
  return files_->contains(digest_name(file));
}

std::string DoneList::describe_change(std::uint64_t index, std::string_view parameters,
                                      const std::string& file) const {
  const auto old = read_back(index);
  if (!old) return "";
  std::string text = describe_difference(old->parameters, parameters);
  if (wanted_file(*old) != file) {
    text += concat_text(text.empty() ? "" : "; ", "file is '", wanted_file(*old), "' there and '",
                        file, "' here");
  }
  return text;
}

}  // namespace sd
