#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sd {

/// A `precompiled_charsmap` of SentencePiece: the character sequences that are replaced, as a
/// double array (Aoe 1989) of bytes, and by what. Checked as a whole when made, so that no text can
/// lead out of it.
class Charsmap {
 public:
  /// `blob`: uint32 size of the double array in bytes, the array as uint32, the replacements, each
  /// ended by a NUL; all little-endian. `where` names it in messages. Errors: kModel.
  Charsmap(std::string_view blob, const std::string& where);

  /// `text` as the normalizer "Precompiled" of tokenizers 0.22 makes it. It goes by grapheme
  /// clusters where SentencePiece itself goes by the longest match: a cluster of up to 5 bytes is
  /// replaced whole as soon as any beginning of it is in the map (so marks behind a full-width
  /// letter are lost), of longer ones each character.
  std::u32string normalize(std::u32string_view text) const;

 private:
  void check(const std::string& where) const;
  /// The replacement of the shortest beginning of `bytes` that is in the map.
  std::optional<std::string_view> find(std::string_view bytes) const;

  std::vector<uint32_t> units_;
  std::string replacements_;
};

}  // namespace sd
