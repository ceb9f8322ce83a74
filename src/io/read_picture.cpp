#include "io/read_picture.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <poll.h>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include "core/check.h"
#include "io/decoders.h"
#include "io/png_chunks.h"

namespace sd {
namespace {

constexpr std::uint64_t kMaxSide = 20000;
constexpr std::uint64_t kMaxArea = std::uint64_t{1} << 28;
constexpr std::string_view kFormats = "PNG, JPEG, BMP, WebP";  // and GIF
constexpr int kWaitMilliseconds = 200;                         // between looks for a signal

/// What a file of another kind starts with, at `offset`.
struct Signature {
  std::size_t offset;
  std::string_view bytes;
  std::string_view kind;
};

using namespace std::string_view_literals;
constexpr std::array kOthers = {
    Signature{0, "II*\0"sv, "a TIFF picture"},
    Signature{0, "MM\0*"sv, "a TIFF picture"},
    Signature{0, "II+\0"sv, "a BigTIFF picture"},
    Signature{0, "MM\0+"sv, "a BigTIFF picture"},
    Signature{4, "ftypavif"sv, "an AVIF picture"},
    Signature{4, "ftypavis"sv, "an AVIF picture"},
    Signature{4, "ftyphei"sv, "a HEIC picture"},
    Signature{4, "ftyphev"sv, "a HEIC picture"},
    Signature{4, "ftypmif1"sv, "a HEIC picture"},
    Signature{4, "ftypmsf1"sv, "a HEIC picture"},
    Signature{4, "ftypcrx"sv, "a raw photo (CR3)"},
    Signature{4, "ftyp"sv, "a video"},
    Signature{4, "moov"sv, "a video"},
    Signature{4, "mdat"sv, "a video"},
    Signature{0, "\x1a\x45\xdf\xa3"sv, "a video"},
    Signature{8, "AVI LIST"sv, "a video"},
    Signature{0, "FLV\1"sv, "a video"},
    Signature{0, "OggS"sv, "a video or sound (Ogg)"},
    Signature{0, "\0\0\1\xba"sv, "a video"},
    Signature{0, "\0\0\1\xb3"sv, "a video"},
    Signature{0, "\0\0\1\0"sv, "an icon (ICO)"},
    Signature{0, "\xff\x0a"sv, "a JPEG XL picture"},
    Signature{4, "JXL \r\n"sv, "a JPEG XL picture"},
    Signature{4, "jP  \r\n"sv, "a JPEG 2000 picture"},
    Signature{0, "\xff\x4f\xff\x51"sv, "a JPEG 2000 picture"},
    Signature{0, "P1\n"sv, "a PNM picture"},
    Signature{0, "P2\n"sv, "a PNM picture"},
    Signature{0, "P3\n"sv, "a PNM picture"},
    Signature{0, "P4\n"sv, "a PNM picture"},
    Signature{0, "P5\n"sv, "a PNM picture"},
    Signature{0, "P6\n"sv, "a PNM picture"},
    Signature{0, "qoif"sv, "a QOI picture"},
    Signature{0, "DDS "sv, "a DDS picture"},
    Signature{0, "\x76\x2f\x31\x01"sv, "an OpenEXR picture"},
    Signature{0, "8BPS"sv, "a Photoshop file"},
    Signature{0, "gimp xcf"sv, "a GIMP file"},
    Signature{0, "%PDF"sv, "a PDF file"},
    Signature{0, "%!PS"sv, "a PostScript file"},
    Signature{0, "PK\3\4"sv, "a ZIP archive"},
    Signature{0, "\x1f\x8b"sv, "a gzip archive"},
    Signature{8, "{\""sv, "a safetensors file"},
    Signature{0, "version https://git-lfs"sv, "a git-LFS pointer, not the file that it stands for"},
    Signature{0, "<svg"sv, "an SVG picture"},
    Signature{0, "<!"sv, "a web page"},
    Signature{0, "<html"sv, "a web page"},
    Signature{0, "<HTML"sv, "a web page"},
    Signature{0, "<?xml"sv, "an XML file"},
};

std::string_view kind_of(std::string_view bytes) {
  constexpr std::size_t kSvgProlog = 1024;  // comments and a document type may stand before <svg
  if (bytes.starts_with("<?xml") || bytes.starts_with("<!")) {
    if (bytes.substr(0, kSvgProlog).find("<svg") != bytes.npos) return "an SVG picture";
  }
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

/// The bytes that come through an open descriptor, to its end. Errors: kInput where they are more
/// than `most`; kInterrupted once `is_stopped` is true, which is asked several times a second.
std::vector<std::uint8_t> read_stream(int descriptor, const std::string& name,
                                      const std::function<bool()>& is_stopped, std::size_t most) {
  constexpr std::size_t kFirstSize = std::size_t{1} << 16;
  std::vector<std::uint8_t> bytes;
  std::size_t filled = 0;
  for (;;) {
    SD_CHECK(!is_stopped(), ErrorKind::kInterrupted, "stopped");
    pollfd input = {descriptor, POLLIN, 0};
    if (::poll(&input, 1, kWaitMilliseconds) == 0) continue;  // read() would wait on a signal
    if (filled == bytes.size()) bytes.resize(std::max(kFirstSize, 2 * filled));
    const ssize_t got = ::read(descriptor, &bytes[filled], bytes.size() - filled);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    SD_CHECK(got >= 0, ErrorKind::kInput, "cannot read ", name, ": ", std::strerror(errno));
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
    SD_CHECK(filled <= most, ErrorKind::kInput, "cannot read ", name, ": it has more than ", most,
             " bytes");
  }
  bytes.resize(filled);
  return bytes;
}

/// The number of the descriptor that /dev/stdin or /dev/fd/63 names, which is what shells write for
/// `<(command)`: it is open, and opening it once more would be another reader.
std::optional<int> open_descriptor(const std::filesystem::path& path) {
  const std::string name = path.lexically_normal().string();
  if (name == "/dev/stdin") return STDIN_FILENO;
  for (const std::string_view folder : {"/dev/fd/", "/proc/self/fd/"}) {
    if (!name.starts_with(folder)) continue;
    const std::string_view digits = std::string_view(name).substr(folder.size());
    int number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error == std::errc() && end == digits.data() + digits.size()) return number;
  }
  return {};
}

}  // namespace

void check_picture_size(std::uint64_t width, std::uint64_t height, const std::string& name) {
  SD_CHECK(width > 0 && height > 0 && width <= kMaxSide && height <= kMaxSide &&
               width * height <= kMaxArea,
           ErrorKind::kInput, "picture '", name, "' is ", width, " x ", height,
           " pixels, sides of 1 to ", kMaxSide, " and at most ", kMaxArea, " pixels are read");
}

std::vector<std::uint8_t> read_input_file(const std::filesystem::path& path,
                                          const std::function<bool()>& is_stopped) {
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
  if (!S_ISREG(status.st_mode)) {
    const std::optional<int> open_already = open_descriptor(path);
    SD_CHECK(open_already, ErrorKind::kInput, "cannot read '", name,
             "': it is a pipe or device, not a regular file");
    return read_stream(*open_already, "'" + name + "'", is_stopped, kMaxInput);
  }
  SD_CHECK(status.st_size <= static_cast<off_t>(kMaxInput), ErrorKind::kInput, "cannot read '",
           name, "': it has ", status.st_size, " bytes, at most ", kMaxInput, " were expected");

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

std::vector<std::uint8_t> read_standard_input(const std::function<bool()>& is_stopped,
                                              std::size_t most) {
  return read_stream(STDIN_FILENO, "standard input", is_stopped, most);
}

Picture read_picture_bytes(std::span<const std::uint8_t> bytes, const std::string& name) {
  SD_CHECK(!bytes.empty(), ErrorKind::kInput, "'", name, "' is empty, a ", kFormats,
           " or GIF picture was expected");
  if (is_png(bytes)) return decode_png(bytes, name);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.starts_with("\xff\xd8\xff")) return decode_jpeg(bytes, name);
  if (text.starts_with("BM")) return decode_bmp(bytes, name);
  if (text.starts_with("GIF87a") || text.starts_with("GIF89a")) return decode_gif(bytes, name);
  if (text.starts_with("RIFF") && text.substr(0, 12).ends_with("WEBP")) {
    return decode_webp(bytes, name);
  }
  fail(ErrorKind::kInput, "'", name, "' is ", kind_of(text), ", only ", kFormats,
       " and GIF pictures are read");
}

Picture read_picture(const std::filesystem::path& path) {
  return read_picture_bytes(read_input_file(path), path.string());
}

}  // namespace sd
