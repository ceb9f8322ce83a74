#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace sd {

/// The first 16 bytes of the SHA-256 of a text.
using NameDigest = std::array<uint64_t, 2>;

NameDigest digest_name(std::string_view text);

/// A set of names in 16 to 43 bytes each, however long they are.
class NameSet {
 public:
  /// Whether it is new here.
  bool insert(std::string_view name) { return insert(digest_name(name)); }
  bool insert(const NameDigest& digest);
  bool contains(const NameDigest& digest) const;

  size_t size() const { return size_; }

 private:
  size_t find_place(const NameDigest& digest) const;
  void grow();

  std::vector<NameDigest> places_;  // open addressing; all zeros: free
  size_t size_ = 0;
};

}  // namespace sd
