#include "io/picture_format.h"

#include <algorithm>
#include <cstddef>

#include "core/check.h"
#include "io/encoders.h"
#include "io/exif_comment.h"
#include "io/infotext.h"
#include "io/png.h"
#include "io/utf8.h"

namespace sd {
namespace {

/// The parameters without the prompts; empty where they are no infotext or still too long.
std::string without_prompts(const std::string& parameters) {
  Infotext text = parse_infotext(parameters);
  text.prompt.clear();
  text.negative_prompt.clear();
  std::erase_if(text.fields, [](const auto& field) {
    return std::ranges::find(kFurtherPromptFields, field.first) != kFurtherPromptFields.end();
  });
  text.fields.emplace_back("Left out", "prompts");
  constexpr std::size_t kLeastFields = 3;
  return text.fields.size() < kLeastFields ? "" : print_infotext(text);
}

EncodedPicture encode_jpeg_with(const Picture& picture, const std::string& parameters,
                                int quality) {
  const std::vector<std::uint8_t> exif = exif_with_comment(parameters);
  if (exif.size() <= kMaxJpegExif) return {encode_jpeg(picture, exif, quality), ""};
  const std::string shorter = without_prompts(parameters);
  std::vector<std::uint8_t> shorter_exif = exif_with_comment(shorter);
  const bool fits = !shorter.empty() && shorter_exif.size() <= kMaxJpegExif;
  if (!fits) shorter_exif.clear();
  return {encode_jpeg(picture, shorter_exif, quality),
          concat_text("a JPEG file holds at most ", kMaxJpegExif,
                      " bytes of parameters, those of this picture have ", exif.size(),
                      fits ? ": it carries them without the prompts" : ": it carries none",
                      " (PNG and WebP take all)")};
}

}  // namespace

std::string_view format_name(PictureFormat format) {
  return std::ranges::find(kFormatNames, format, [](const auto& row) { return row.second; })->first;
}

std::string_view format_title(PictureFormat format) {
  switch (format) {
    case PictureFormat::kPng: return "PNG";
    case PictureFormat::kJpeg: return "JPEG";
    case PictureFormat::kWebp: return "WebP";
  }
  return "";
}

std::optional<PictureFormat> format_of_name(const std::filesystem::path& file) {
  const std::string extension = lower_case(file.extension().string());
  for (const auto& [name, format] : kFormatNames) {
    if (extension == concat_text(".", name)) return format;
  }
  return std::nullopt;
}

int max_side(PictureFormat format) {
  switch (format) {
    case PictureFormat::kPng: return 2147483647;
    case PictureFormat::kJpeg: return 65500;  // of libjpeg, 35 less than the format's
    case PictureFormat::kWebp: return 16383;
  }
  return 0;
}

void check_whole(const Picture& picture) {
  SD_CHECK(picture.width > 0 && picture.height > 0 &&
               picture.rgb.size() == std::size_t{3} * picture.width * picture.height,
           ErrorKind::kOutput, "a picture of ", picture.width, " x ", picture.height,
           " pixels and ", picture.rgb.size(), " bytes cannot be written");
}

EncodedPicture encode_picture(const Picture& picture, const std::string& parameters,
                              Encoding encoding) {
  switch (encoding.format) {
    case PictureFormat::kPng: {
      const PngText text = {"parameters", parameters};
      return {encode_png(picture, {&text, 1}), ""};
    }
    case PictureFormat::kJpeg: return encode_jpeg_with(picture, parameters, encoding.quality);
    case PictureFormat::kWebp:
      return {encode_webp(picture, exif_with_comment(parameters), encoding.quality), ""};
  }
  return {};
}

}  // namespace sd
