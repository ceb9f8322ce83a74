// --preview: the picture as it forms.

#include <gmock/gmock.h>

#include "io/read_picture.h"
#include "tests/cli/cli_fixture.h"

namespace sd::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class PreviewTest : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    engine_.on_paint = [this](const std::vector<Request>& requests, Observer& observer) {
      for (size_t i = 0; i < requests.size(); ++i) {
        observer.on_preview(i, {1, 1, {static_cast<uint8_t>(requests[i].seed), 0, 0}});
      }
      on_shown_();
    };
  }

  std::function<void()> on_shown_ = [] {};
};

TEST_F(PreviewTest, StandsBesideThePictureUntilThatIsThere) {
  on_shown_ = [] {
    EXPECT_THAT(files_here(), ElementsAre("out"));
    EXPECT_EQ(read_picture("out/sd-7.preview.png").rgb, (std::vector<uint8_t>{7, 0, 0}));
    EXPECT_EQ(read_picture("out/sd-8.preview.png").rgb, (std::vector<uint8_t>{8, 0, 0}));
  };
  const Outcome outcome = txt2img(
      {"-p", "x", "-s", "7", "--count", "2", "--batch-size", "2", "--preview", "5", "-o", "out/"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(engine_.requests().at(0).preview_every, 5);
  EXPECT_FALSE(std::filesystem::exists("out/sd-7.preview.png"));
  EXPECT_FALSE(std::filesystem::exists("out/sd-8.preview.png"));
  EXPECT_TRUE(std::filesystem::exists("out/sd-8.png"));
}

TEST_F(PreviewTest, GoesWithAnErrorAndWithItsFolder) {
  on_shown_ = [] {
    EXPECT_TRUE(std::filesystem::exists("out/sd-7.preview.png"));
    throw Error(ErrorKind::kInterrupted, "stopped");
  };
  EXPECT_NE(txt2img({"-p", "x", "-s", "7", "--preview", "1", "-o", "out/"}).code, 0);
  EXPECT_THAT(files_here(), ElementsAre());
}

TEST_F(PreviewTest, CannotGoToStandardOutput) {
  const Outcome outcome = txt2img({"-p", "x", "--preview", "1", "-o", "-"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("--preview and --output - cannot stand together"));
}

}  // namespace
}  // namespace sd::testing
