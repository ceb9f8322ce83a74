#include "io/read_picture.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

#include "core/check.h"
#include "io/decoders.h"
#include "io/png_chunks.h"

namespace sd {
namespace {

constexpr std::uint64_t kMaxSide = 20000;
constexpr std::uint64_t kMaxArea = std::uint64_t{1} << 28;
constexpr off_t kMaxFile = off_t{1} << 30;

/// What a file of another kind starts with, at `offset`.
struct Signature {
  std::size_t offset;
  std::string_view bytes;
  std::string_view kind;
};

using namespace std::string_view_literals;
constexpr std::array kOthers = {
    Signature{8, "WEBP"sv, "a WebP picture"},
    Signature{0, "GIF8"sv, "a GIF picture"},
    Signature{0, "BM"sv, "a BMP picture"},
    Signature{0, "II*\0"sv, "a TIFF picture"},
    Signature{0, "MM\0*"sv, "a TIFF picture"},
    Signature{4, "ftypavif"sv, "an AVIF picture"},
    Signature{4, "ftypavis"sv, "an AVIF picture"},
    Signature{4, "ftyphei"sv, "a HEIC picture"},
    Signature{4, "ftyphev"sv, "a HEIC picture"},
    Signature{4, "ftypmif1"sv, "a HEIC picture"},
    Signature{4, "ftypmsf1"sv, "a HEIC picture"},
    Signature{0, "\xff\x0a"sv, "a JPEG XL picture"},
    Signature{4, "JXL \r\n"sv, "a JPEG XL picture"},
    Signature{4, "jP  \r\n"sv, "a JPEG 2000 picture"},
    Signature{0, "8BPS"sv, "a Photoshop file"},
    Signature{0, "%PDF"sv, "a PDF file"},
    Signature{0, "version https://git-lfs"sv, "a git-LFS pointer, not the file that it stands for"},
    Signature{0, "<!"sv, "a web page"},
    Signature{0, "<html"sv, "a web page"},
    Signature{0, "<HTML"sv, "a web page"},
    Signature{0, "<svg"sv, "an SVG picture"},
    Signature{0, "<?xml"sv, "an XML file"},
};

std::string_view kind_of(std::string_view bytes) {
  for (const Signature& other : kOthers) {
    if (bytes.size() >= other.offset && bytes.substr(other.offset).starts_with(other.bytes)) {
      return other.kind;
    }
  }
  return "a file of an unknown kind";
}

/// Closes the descriptor at the end of its scope.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

void check_picture_size(std::uint64_t width, std::uint64_t height, const std::string& name) {
  SD_CHECK(width > 0 && height > 0 && width <= kMaxSide && height <= kMaxSide &&
               width * height <= kMaxArea,
           ErrorKind::kInput, "picture '", name, "' is ", width, " x ", height,
           " pixels, sides of 1 to ", kMaxSide, " and at most ", kMaxArea, " pixels are read");
}

std::vector<std::uint8_t> read_input_file(const std::filesystem::path& path) {
  const std::string name = path.string();
  // non-blocking: opening a FIFO must not wait for its writer
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  SD_CHECK(file.get() >= 0, ErrorKind::kInput, "cannot read '", name,
           "': ", errno == ENOENT ? "there is no such file" : std::strerror(errno));
  struct stat status {};
  SD_CHECK(::fstat(file.get(), &status) == 0, ErrorKind::kInput, "cannot read '", name,
           "': ", std::strerror(errno));
  SD_CHECK(!S_ISDIR(status.st_mode), ErrorKind::kInput, "cannot read '", name,
           "': it is a folder, not a file");
  SD_CHECK(S_ISREG(status.st_mode), ErrorKind::kInput, "cannot read '", name,
           "': it is a pipe or device, not a regular file");
  SD_CHECK(status.st_size <= kMaxFile, ErrorKind::kInput, "cannot read '", name, "': it has ",
           status.st_size, " bytes, at most ", kMaxFile, " were expected");

  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(status.st_size));
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t got = ::read(file.get(), &bytes[filled], bytes.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    SD_CHECK(got >= 0, ErrorKind::kInput, "cannot read '", name, "': ", std::strerror(errno));
    if (got == 0) break;  // became shorter since fstat
    filled += static_cast<std::size_t>(got);
  }
  bytes.resize(filled);
  return bytes;
}

Picture read_picture_bytes(std::span<const std::uint8_t> bytes, const std::string& name) {
  SD_CHECK(!bytes.empty(), ErrorKind::kInput, "'", name,
           "' is empty, a PNG or JPEG picture was expected");
  if (is_png(bytes)) return decode_png(bytes, name);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.starts_with("\xff\xd8\xff")) return decode_jpeg(bytes, name);
  fail(ErrorKind::kInput, "'", name, "' is ", kind_of(text),
       ", only PNG and JPEG pictures are read");
}

Picture read_picture(const std::filesystem::path& path) {
  return read_picture_bytes(read_input_file(path), path.string());
}

}  // namespace sd
