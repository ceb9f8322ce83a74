// In which format pictures are written, and with which parameters.

#include <gmock/gmock.h>

#include "io/infotext.h"
#include "io/picture_metadata.h"
#include "io/read_picture.h"
#include "tests/cli/cli_fixture.h"

namespace sd::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class PictureFormatTest : public CliTest {
 protected:
  static PictureMetadata metadata(const std::string& bytes) {
    return read_picture_metadata({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()},
                                 "x");
  }
  static PictureMetadata metadata_of(const std::string& file) { return metadata(read_file(file)); }

  void expect_usage_error(const std::vector<std::string>& arguments, const std::string& message) {
    const Outcome outcome = txt2img(arguments);
    EXPECT_EQ(outcome.code, 2);
    EXPECT_THAT(outcome.err, HasSubstr(message));
    EXPECT_TRUE(engine_.loads.empty()) << "before the model is there";
    engine_.loads.clear();
  }
};

TEST_F(PictureFormatTest, IsThatOfTheFilesName) {
  for (const auto& [file, format] :
       {std::pair("a.png", PictureFormat::kPng), std::pair("a.jpg", PictureFormat::kJpeg),
        std::pair("a.JPEG", PictureFormat::kJpeg), std::pair("a.webp", PictureFormat::kWebp)}) {
    EXPECT_EQ(txt2img({"-p", "x", "-s", "9", "-o", file}).out, std::string(file) + "\n");
    EXPECT_EQ(metadata_of(file).format, format) << file;
    EXPECT_NEAR(read_picture(file).rgb.at(0), 9, 2) << file;
  }
  EXPECT_EQ(txt2img({"-p", "x", "-s", "9", "-o", "{seed}.webp", "--count", "2"}).out,
            "9.webp\n10.webp\n");
}

TEST_F(PictureFormatTest, IsPngOrAsToldWhereTheNameLeavesItOpen) {
  EXPECT_EQ(txt2img({"-p", "x", "-s", "1"}).out, "sd-1.png\n");
  EXPECT_EQ(txt2img({"-p", "x", "-s", "1", "--format", "jpg"}).out, "sd-1.jpg\n");
  EXPECT_EQ(txt2img({"-p", "x", "-s", "1", "--format", "JPEG", "-o", "out/"}).out,
            "out/sd-1.jpg\n");
  EXPECT_EQ(txt2img({"-p", "x", "-s", "1", "--format", "webp", "--outdir", "out"}).out,
            "out/sd-1.webp\n");
  EXPECT_EQ(metadata_of("out/sd-1.jpg").format, PictureFormat::kJpeg);
  EXPECT_EQ(metadata_of("out/sd-1.webp").format, PictureFormat::kWebp);
  EXPECT_EQ(txt2img({"-p", "x", "-s", "2", "--format", "jpg", "-o", "a.jpeg"}).out, "a.jpeg\n");
}

TEST_F(PictureFormatTest, OfStandardOutputIsToldByFormat) {
  const auto format_of = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"-p", "x", "-o", "-"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return metadata(txt2img(arguments).out).format;
  };
  EXPECT_EQ(format_of({}), PictureFormat::kPng);
  EXPECT_EQ(format_of({"--format", "png"}), PictureFormat::kPng);
  EXPECT_EQ(format_of({"--format", "jpg", "--quality", "80"}), PictureFormat::kJpeg);
  EXPECT_EQ(format_of({"--format", "webp"}), PictureFormat::kWebp);
  EXPECT_THAT(files_here(), ElementsAre());
}

TEST_F(PictureFormatTest, OfCompVisNamesIsToldByFormat) {
  EXPECT_THAT(txt2img({"-p", "x", "--compat", "compvis", "--skip_grid", "--format", "jpg",
                       "--n_iter", "1", "--n_samples", "1"})
                  .out,
              HasSubstr("samples/00000.jpg\n"));
}

TEST_F(PictureFormatTest, TakesTheQuality) {
  for (const char* format : {"jpg", "webp"}) {
    const auto size_at = [&](const char* quality) {
      return txt2img({"-p", "x", "-s", "7", "-o", "-", "--format", format, "--quality", quality})
          .out.size();
    };
    EXPECT_LE(size_at("1"), size_at("95")) << format;
    EXPECT_EQ(
        txt2img({"-p", "x", "-s", "7", "-o", "-", "--format", format}).out,
        txt2img({"-p", "x", "-s", "7", "-o", "-", "--format", format, "--quality", "95"}).out);
  }
  txt2img({"-p", "x", "-s", "77", "-o", "a.webp", "--quality", "100"});
  EXPECT_EQ(read_picture("a.webp").rgb, std::vector<uint8_t>(16 * 16 * 3, 77));
}

TEST_F(PictureFormatTest, CarriesTheSameParametersInAll) {
  const std::string prompt = "a \"cat\",\n{big}: 雪 😀";
  std::vector<std::string> texts;
  for (const char* file : {"a.png", "a.jpg", "a.webp"}) {
    ASSERT_EQ(txt2img({"-p", prompt, "-n", " dog\n", "-s", "9", "-o", file}).code, 0);
    const PictureMetadata found = metadata_of(file);
    texts.push_back(found.format == PictureFormat::kPng ? found.texts.at("parameters")
                                                        : found.exif.comment.value_or("none"));
    EXPECT_EQ(texts.back(), texts.front()) << file;
  }
  const Infotext text = parse_infotext(texts.front());
  EXPECT_EQ(text.prompt, prompt);
  EXPECT_EQ(text.negative_prompt, " dog\n");
  EXPECT_EQ(text.field("Device"), "cpu");
  EXPECT_EQ(text.field("Dtype"), "fp32");
  EXPECT_EQ(text.field("RNG"), "CPU");
}

TEST_F(PictureFormatTest, KeepsThePictureWhereTheParametersAreTooLongForJpeg) {
  const Outcome outcome = txt2img({"-p", std::string(60000, 'x'), "-s", "9", "--count", "3", "-o",
                                   "{index}.jpg", "--batch-size", "2"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "0.jpg\n1.jpg\n2.jpg\n");
  const std::string warning = "sd: warning: a JPEG file holds at most 65527 bytes of parameters";
  const size_t at = outcome.err.find(warning);
  EXPECT_NE(at, std::string::npos) << outcome.err;
  EXPECT_EQ(outcome.err.find(warning, at + 1), std::string::npos) << "once";
  const Infotext text = parse_infotext(metadata_of("2.jpg").exif.comment.value_or(""));
  EXPECT_EQ(text.prompt, "");
  EXPECT_EQ(text.field("Seed"), "11");
  EXPECT_EQ(text.field("Left out"), "prompts");
  EXPECT_THAT(txt2img({"-p", std::string(60000, 'x'), "-o", "a.webp", "-q"}).err, "");
}

TEST_F(PictureFormatTest, ContradictionsAreRefused) {
  expect_usage_error({"-p", "x", "-o", "a.png", "--format", "jpg"},
                     "--output a.png and --format jpg cannot stand together");
  expect_usage_error({"-p", "x", "-o", "{seed}.webp", "--format", "png"},
                     "--output {seed}.webp and --format png cannot stand together");
  expect_usage_error({"-p", "x", "--quality", "90"},
                     "--quality is for JPEG and WebP, found --quality 90 for PNG");
  expect_usage_error({"-p", "x", "--quality", "90", "-o", "a.png"}, "for PNG");
  expect_usage_error({"-p", "x", "--quality", "0", "-o", "a.jpg"}, "from 1 to 100, found '0'");
  expect_usage_error({"-p", "x", "--quality", "101", "-o", "a.jpg"}, "from 1 to 100, found '101'");
  for (const char* format : {"gif", "", "a.png", "png.", ".png"}) {
    expect_usage_error({"-p", "x", "--format", format},
                       "--format expects png, jpg or webp, found '");
  }
  expect_usage_error({"-p", "x", "-o", "a.gif"}, "a name that ends in .png, .jpg or .webp");
}

TEST_F(PictureFormatTest, SidesThatAFileCannotHoldAreRefused) {
  const auto expect_too_wide = [&](const Outcome& outcome) {
    EXPECT_EQ(outcome.code, 2);
    EXPECT_THAT(outcome.err, HasSubstr("a WebP file holds sides of at most 16383 pixels, the "
                                       "picture would be 16384 x 8\n"));
    EXPECT_FALSE(engine_.weights_are_loaded);
  };
  expect_too_wide(txt2img({"-p", "x", "-W", "16384", "-H", "8", "-o", "a.webp"}));
  const Picture wide{16390, 8, std::vector<uint8_t>(size_t{16390} * 8 * 3)};
  const auto file = encode_picture(wide, "").bytes;
  write_file("wide.png", {file.begin(), file.end()});
  const std::vector<std::string> start = {"--init-img", "wide.png", "-p", "x", "-o", "a.webp"};
  expect_too_wide(img2img(start));
  std::vector<std::string> narrower = start;
  narrower.insert(narrower.end(), {"-W", "16376"});
  EXPECT_EQ(img2img(narrower).code, 0) << "of the painted size, not the input's";
}

}  // namespace
}  // namespace sd::testing
