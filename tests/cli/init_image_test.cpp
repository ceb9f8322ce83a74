// The picture that img2img starts from: its formats, and standard input.

#include <cstdlib>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "core/check.h"
#include "io/png.h"
#include "tests/cli/cli_fixture.h"
#include "tests/support/standard_input.h"

namespace sd::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

/// A BMP file of 2 x 1 pixels: red and blue.
const std::string kBmp(
    "BM\0\0\0\0\0\0\0\0\x1a\0\0\0\x0c\0\0\0\2\0\1\0\1\0\x18\0\0\0\xff\xff\0\0\0\0", 34);
/// A GIF file of 2 x 1 pixels: red and blue.
const std::string kGif("GIF89a\2\0\1\0\x80\0\0\xff\0\0\0\0\xff,\0\0\0\0\2\0\1\0\0\2\2\x44\x0a\0;",
                       35);
/// Their pixels.
const std::vector<uint8_t> kRedBlue = {255, 0, 0, 0, 0, 255};

/// A terminal that nobody types on.
class Terminal {
 public:
  Terminal() : fd_(::posix_openpt(O_RDWR | O_NOCTTY)) {
    if (fd_ < 0 || ::grantpt(fd_) != 0 || ::unlockpt(fd_) != 0) std::abort();
  }
  ~Terminal() { ::close(fd_); }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  std::string name() const { return ::ptsname(fd_); }

 private:
  int fd_;
};

class InitImageTest : public CliTest {
 protected:
  Outcome from(const std::string& name, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"--init-img", name, "-p", "x", "-s", "1"});
    return img2img(more);
  }
  /// The picture of the only request.
  Picture picture() {
    const std::vector<Request> requests = engine_.requests();
    if (requests.size() != 1 || !requests[0].init_image) {
      ADD_FAILURE() << requests.size() << " requests";
      return {};
    }
    return *requests[0].init_image;
  }
};

TEST_F(InitImageTest, IsReadByItsContent) {
  for (const std::string& file : {kBmp, kGif}) {
    write_file("in.png", file);
    engine_.batches.clear();
    const Outcome outcome = from("in.png");
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(picture().width, 2);
    EXPECT_EQ(picture().rgb, kRedBlue);
  }
}

TEST_F(InitImageTest, ComesFromStandardInput) {
  const auto input = StandardInput::pipe(kGif);
  const Outcome outcome = from("-", {"-v", "--json"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(picture().rgb, kRedBlue);
  EXPECT_THAT(outcome.err, HasSubstr("loaded input image of size (2, 1) from standard input"));
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("\"file\":\"sd-1.png\""),
                                 ::testing::Not(HasSubstr("standard input"))));
}

TEST_F(InitImageTest, ComesFromAFileThatIsStandardInput) {
  write_file("in", kBmp);
  const auto input = StandardInput::file("in");
  const Outcome outcome = from("-");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(picture().rgb, kRedBlue);
}

TEST_F(InitImageTest, MayBeAFileNamedLikeStandardInput) {
  const auto input = StandardInput::pipe("no picture");
  write_file("-", kBmp);
  const Outcome outcome = from("./-");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(picture().rgb, kRedBlue);
}

TEST_F(InitImageTest, LeavesStandardInputToPromptsWhereItIsAFile) {
  write_file("in.bmp", kBmp);
  const auto input = StandardInput::pipe("one");
  const Outcome outcome = img2img({"--init-img", "in.bmp", "--from-file", "-", "-s", "1"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(engine_.requests()[0].prompt, "one");
}

TEST_F(InitImageTest, CannotShareStandardInputWithPrompts) {
  const auto input = StandardInput::pipe(kBmp);
  const Outcome outcome = img2img({"--init-img", "-", "--from-file", "-"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.err,
            "sd: error: --init-img - and --from-file - cannot stand together: standard input is "
            "read once\n");
  std::string rest(kBmp.size() + 1, ' ');
  EXPECT_EQ(::read(STDIN_FILENO, rest.data(), rest.size()), std::ssize(kBmp)) << "was read";
}

TEST_F(InitImageTest, IsNotReadFromATerminal) {
  const Terminal terminal;
  const auto input = StandardInput::file(terminal.name());
  const Outcome outcome = from("-");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.err,
            "sd: error: --init-img - reads a picture from standard input, which is a terminal: a "
            "pipe or file was expected\n");
}

TEST_F(InitImageTest, NamesStandardInputWhereItIsNoPicture) {
  const auto error_from = [&](std::string_view bytes) {
    const auto input = StandardInput::pipe(bytes);
    const Outcome outcome = from("-");
    EXPECT_EQ(outcome.code, 4);
    return outcome.err;
  };
  EXPECT_EQ(error_from(""),
            "sd: error: 'standard input' is empty, a PNG, JPEG, BMP, WebP or GIF picture was "
            "expected\n");
  EXPECT_EQ(error_from("%PDF-1.7"),
            "sd: error: 'standard input' is a PDF file, only PNG, JPEG, BMP, WebP and GIF pictures "
            "are read\n");
  EXPECT_EQ(error_from(kBmp.substr(0, 31)),
            "sd: error: BMP file 'standard input' is cut short: it ends after 31 bytes, at least "
            "32 were expected\n");
  EXPECT_TRUE(engine_.loads.empty());
}

TEST_F(InitImageTest, StopsWhileStandardInputKeepsItWaiting) {
  const auto input = StandardInput::pipe("", true);
  signal_ = 15;
  const Outcome outcome = from("-");
  EXPECT_EQ(outcome.code, 143);
  EXPECT_THAT(outcome.err, HasSubstr("stopped by SIGTERM"));
}

TEST_F(InitImageTest, HasItsFormatsInTheHelp) {
  EXPECT_THAT(sd({"img2img", "--help"}).out,
              ::testing::ContainsRegex("PNG, JPEG, BMP,[ \n]+WebP, or GIF"));
}

}  // namespace
}  // namespace sd::testing
