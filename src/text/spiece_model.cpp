#include "text/spiece_model.h"

#include <bit>
#include <optional>

#include "core/check.h"
#include "text/bpe.h"
#include "text/unicode.h"

namespace sd {
namespace {

namespace fs = std::filesystem;

/// One field of a protobuf message (protobuf.dev, "Encoding").
struct Field {
  uint64_t number = 0;
  uint64_t value = 0;      ///< of a number
  std::string_view bytes;  ///< of a string, of bytes or of a message
};

/// The fields of a message, one after the other.
class MessageReader {
 public:
  MessageReader(const fs::path& path, std::string_view bytes) : path_(path), rest_(bytes) {}

  std::optional<Field> next() {
    enum WireType : uint64_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };
    if (rest_.empty()) return std::nullopt;
    const uint64_t tag = varint();
    Field field;
    field.number = tag >> 3;
    switch (tag & 7) {
      case kVarint: field.value = varint(); break;
      case kFixed64: field.value = fixed(8); break;
      case kBytes: field.bytes = take(varint()); break;
      case kFixed32: field.value = fixed(4); break;
      default: broken();
    }
    if (field.number == 0) broken();
    return field;
  }

 private:
  [[noreturn]] void broken() const {
    fail(ErrorKind::kModel, path_.string(), ": expected a SentencePiece model, found other bytes");
  }

  std::string_view take(uint64_t count) {
    SD_CHECK(count <= rest_.size(), ErrorKind::kModel, path_.string(),
             ": the SentencePiece model breaks off; the download or copy did not finish");
    const std::string_view bytes = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return bytes;
  }

  uint64_t fixed(size_t size) {
    uint64_t value = 0;
    const std::string_view bytes = take(size);
    for (size_t i = size; i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[i]);
    return value;
  }

  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<uint8_t>(take(1)[0]);
      value |= uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return value;
    }
    broken();
  }

  const fs::path& path_;
  std::string_view rest_;
};

/// Every field of a message; `field` is handed one after the other.
template <typename Handle>
void for_each_field(const fs::path& path, std::string_view message, Handle&& handle) {
  MessageReader reader(path, message);
  while (const auto field = reader.next()) handle(*field);
}

SpieceModel::Piece parse_piece(const fs::path& path, std::string_view message) {
  SpieceModel::Piece piece;
  for_each_field(path, message, [&](const Field& field) {
    switch (field.number) {
      case 1: piece.text = field.bytes; break;
      case 2: piece.score = std::bit_cast<float>(static_cast<uint32_t>(field.value)); break;
      case 3: piece.type = static_cast<SpieceModel::Piece::Type>(field.value); break;
      default: break;
    }
  });
  SD_CHECK(repair_utf8(piece.text) == piece.text, ErrorKind::kModel, path.string(),
           ": a piece of a SentencePiece model must be UTF-8, but one is not");
  return piece;
}

}  // namespace

SpieceModel parse_spiece_model(const fs::path& path, std::string_view bytes) {
  enum ModelField : uint64_t { kPieces = 1, kTrainerSpec = 2, kNormalizerSpec = 3 };
  constexpr uint64_t kModelType = 3, kByteFallback = 35, kUnkId = 40, kCharsmap = 2;
  constexpr uint64_t kUnigram = 1;
  uint64_t model_type = kUnigram;
  SpieceModel model;
  bool has_trainer = false, has_normalizer = false;
  for_each_field(path, bytes, [&](const Field& part) {
    if (part.number == kPieces) {
      model.pieces.push_back(parse_piece(path, part.bytes));
    } else if (part.number == kTrainerSpec) {
      has_trainer = true;
      for_each_field(path, part.bytes, [&](const Field& field) {
        if (field.number == kModelType) {
          model_type = field.value;
        } else if (field.number == kByteFallback) {
          model.byte_fallback = field.value != 0;
        } else if (field.number == kUnkId) {
          model.unk_id = static_cast<int32_t>(field.value);
        }
      });
    } else if (part.number == kNormalizerSpec) {
      has_normalizer = true;
      for_each_field(path, part.bytes, [&](const Field& field) {
        if (field.number == kCharsmap) model.charsmap = field.bytes;
      });
    }
  });
  SD_CHECK(!model.pieces.empty() || has_trainer || has_normalizer, ErrorKind::kModel, path.string(),
           ": expected a SentencePiece model, found other bytes");
  SD_CHECK(!model.pieces.empty() && has_trainer && has_normalizer, ErrorKind::kModel, path.string(),
           ": the SentencePiece model must have pieces, trainer_spec and normalizer_spec, but one "
           "is missing; the download or copy did not finish");
  SD_CHECK(model_type == kUnigram, ErrorKind::kModel, path.string(),
           ": model_type of a T5 tokenizer must be UNIGRAM (1), but it is ", model_type);
  const auto size = static_cast<int64_t>(model.pieces.size());
  SD_CHECK(size <= Vocabulary::kMaxId, ErrorKind::kModel, path.string(),
           ": a vocabulary must have at most ", Vocabulary::kMaxId, " pieces, but it has ", size);
  SD_CHECK(model.unk_id >= 0 && model.unk_id < size &&
               model.pieces[model.unk_id].type == SpieceModel::Piece::Type::kUnknown,
           ErrorKind::kModel, path.string(), ": unk_id must be the piece of type UNKNOWN among ",
           size, ", but it is ", model.unk_id);
  return model;
}

}  // namespace sd
