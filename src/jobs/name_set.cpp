#include "jobs/name_set.h"

#include <string>

#include "io/sha256.h"

namespace sd {
namespace {

constexpr NameDigest kFree = {0, 0};
constexpr size_t kFirstPlaces = 64;

}  // namespace

NameDigest digest_name(std::string_view text) {
  Sha256 hash;
  hash.add(text);
  const std::string hex = hash.hex();
  NameDigest digest{};
  for (size_t i = 0; i < digest.size(); ++i) {
    digest[i] = std::stoull(hex.substr(16 * i, 16), nullptr, 16);
  }
  return digest;
}

bool NameSet::contains(const NameDigest& digest) const {
  return !places_.empty() && places_[find_place(digest)] == digest;
}

bool NameSet::insert(const NameDigest& digest) {
  if (4 * (size_ + 1) > 3 * places_.size()) grow();
  NameDigest& place = places_[find_place(digest)];
  if (place == digest) return false;
  place = digest;
  ++size_;
  return true;
}

/// Where it is, or the free place where it would be. There is always a free one.
size_t NameSet::find_place(const NameDigest& digest) const {
  const size_t mask = places_.size() - 1;
  size_t place = digest[0] & mask;
  while (places_[place] != kFree && places_[place] != digest) place = (place + 1) & mask;
  return place;
}

void NameSet::grow() {
  std::vector<NameDigest> old(places_.empty() ? kFirstPlaces : 2 * places_.size(), kFree);
  old.swap(places_);
  for (const NameDigest& digest : old) {
    if (digest != kFree) places_[find_place(digest)] = digest;
  }
}

}  // namespace sd
