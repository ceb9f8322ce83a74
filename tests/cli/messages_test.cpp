// What is printed on the way: progress, warnings, -q, -v, colours, the log.

#include <gmock/gmock.h>

#include "sd/error.h"

#include "tests/cli/cli_fixture.h"

namespace sd::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class MessagesTest : public CliTest {
 protected:
  /// The engine takes `seconds` for each of its ten steps.
  void make_steps(double seconds) {
    engine_.on_load = [](Observer& observer) { observer.on_progress(Phase::kLoad, 0, 1); };
    engine_.on_paint = [this, seconds](const std::vector<Request>&, Observer& observer) {
      observer.on_progress(Phase::kEncode, 0, 1);
      observer.on_progress(Phase::kDenoise, 0, 10);
      for (int step = 1; step <= 10; ++step) {
        now_ += seconds;
        observer.on_progress(Phase::kDenoise, step, 10);
      }
      observer.on_progress(Phase::kDecode, 0, 1);
    };
  }
};

TEST_F(MessagesTest, PlainLinesComeAtPhasesAndEveryTenSeconds) {
  make_steps(4);
  const Outcome outcome = txt2img({"-p", "x", "-s", "1"});
  EXPECT_EQ(outcome.err,
            "sd: loading\n"
            "sd: encoding\n"
            "sd: denoising step 0/10\n"
            "sd: denoising step 3/10, 0.25 steps/s, ETA 0:28\n"
            "sd: denoising step 6/10, 0.25 steps/s, ETA 0:16\n"
            "sd: denoising step 9/10, 0.25 steps/s, ETA 0:04\n"
            "sd: decoding\n");
  EXPECT_EQ(outcome.out, "sd-1.png\n");
}

TEST_F(MessagesTest, WhatDoesNothingIsSaid) {
  EXPECT_THAT(txt2img({"-p", "x", "--scale", "1", "-n", "dog", "-o", "a.png"}).err,
              HasSubstr("sd: warning: --negative-prompt does nothing with --scale 1: "));
  EXPECT_THAT(txt2img({"-p", "x", "--scale", "0.5", "--guidance-rescale", "1", "-o", "b.png"}).err,
              HasSubstr("sd: warning: --guidance-rescale does nothing with --scale 0.5: "));
  EXPECT_THAT(txt2img({"-p", "x", "--scale", "1", "--negative-prompt-3", "dog", "-o", "g.png"}).err,
              HasSubstr("sd: warning: --negative-prompt-3 does nothing with --scale 1: "));
  EXPECT_THAT(txt2img({"-p", "x", "--scale", "1", "--skip-layers", "7", "-o", "h.png"}).err,
              HasSubstr("sd: warning: --skip-layers does nothing with --scale 1: "));
  EXPECT_THAT(txt2img({"-p", "x", "--scale", "1", "-o", "c.png"}).err, Not(HasSubstr("warning")));
  EXPECT_THAT(txt2img({"-p", "x", "-n", "dog", "-o", "d.png"}).err, Not(HasSubstr("warning")));
  EXPECT_THAT(
      img2img({"-p", "x", "--init-img", "a.png", "--strength", "0.04", "-o", "e.png"}).err,
      HasSubstr(
          "warning: --strength 0.04 of 20 steps leaves none to run: the text changed nothing"));
  EXPECT_THAT(img2img({"-p", "x", "--init-img", "a.png", "--strength", "0", "-o", "f.png"}).err,
              Not(HasSubstr("warning")));
}

// Long phases are named once, too.
TEST_F(MessagesTest, ALineIsNotPrintedTwice) {
  engine_.on_load = [this](Observer& observer) {
    observer.on_progress(Phase::kLoad, 0, 1);
    now_ += 30;
    observer.on_progress(Phase::kLoad, 1, 1);
  };
  EXPECT_EQ(txt2img({"-p", "x", "-s", "1", "-o", "a.png"}).err, "sd: loading\n");
}

TEST_F(MessagesTest, ErrorsInOptionsAreColouredToo) {
  err_is_terminal_ = true;
  EXPECT_THAT(txt2img({"--steps", "0"}).err, HasSubstr("\x1b[31merror: \x1b[0m"));
  EXPECT_THAT(txt2img({"--steps", "0", "--no-color"}).err, Not(HasSubstr("\x1b")));
  EXPECT_THAT(sd({"frobnicate"}).err, HasSubstr("\x1b[31merror: \x1b[0m"));
  set_variable("NO_COLOR", "1");
  EXPECT_THAT(sd({"frobnicate"}).err, Not(HasSubstr("\x1b")));
}

TEST_F(MessagesTest, PlainLinesNameAPhaseOnceForQuickImages) {
  make_steps(0.01);
  const Outcome outcome = txt2img({"-p", "x", "-s", "1", "--count", "3"});
  EXPECT_EQ(outcome.err,
            "sd: loading\n"
            "sd: image 1 of 3: encoding\n"
            "sd: image 1 of 3: denoising step 0/10\n"
            "sd: image 1 of 3: decoding\n");
}

TEST_F(MessagesTest, ATerminalShowsABarThatGoesAway) {
  err_is_terminal_ = true;
  make_steps(1);
  const Outcome outcome = txt2img({"-p", "x", "-s", "1", "--count", "2", "--batch-size", "2"});
  EXPECT_THAT(outcome.err, HasSubstr("\rimages 1 to 2 of 2: denoising [########--------] 5/10, "
                                     "1.00 steps/s, ETA 0:05\x1b[K"));
  EXPECT_TRUE(outcome.err.ends_with("\r\x1b[K")) << "the line is cleared before results";
  EXPECT_THAT(outcome.err, Not(HasSubstr("\n")));
}

TEST_F(MessagesTest, TheBarIsClearedBeforeAnError) {
  err_is_terminal_ = true;
  engine_.on_paint = [](const std::vector<Request>&, Observer& observer) {
    observer.on_progress(Phase::kDenoise, 1, 10);
    throw Error(ErrorKind::kMemory, "it broke");
  };
  EXPECT_TRUE(txt2img({"-p", "x", "-s", "1"})
                  .err.ends_with("\r\x1b[Ksd: \x1b[31merror: \x1b[0mit broke\n"));
}

TEST_F(MessagesTest, WarningsAreMarked) {
  engine_.on_load = [](Observer& observer) { observer.on_warning("the prompt was cut"); };
  EXPECT_EQ(txt2img({"-p", "x", "-s", "1"}).err, "sd: warning: the prompt was cut\n");
  err_is_terminal_ = true;
  EXPECT_EQ(txt2img({"-p", "x", "-s", "1"}).err,
            "sd: \x1b[33mwarning: \x1b[0mthe prompt was cut\n");
}

TEST_F(MessagesTest, NotesAreForThoseWhoAskOrKeepALog) {
  engine_.on_load = [](Observer& observer) { observer.on_note("sizes are kept as they are"); };
  engine_.on_paint = [](const std::vector<Request>&, Observer& observer) {
    observer.on_note("a note of painting");
  };
  const std::string of_loading = "sd: sizes are kept as they are\n";
  const std::string of_painting = "sd: a note of painting\n";
  EXPECT_EQ(txt2img({"-p", "x", "-s", "1", "--log-file", "log"}).err, "");
  EXPECT_THAT(read_file("log"), AllOf(HasSubstr("Z sizes are kept as they are\n"),
                                      HasSubstr("Z a note of painting\n")));
  EXPECT_THAT(txt2img({"-p", "x", "-s", "1", "-v"}).err,
              AllOf(HasSubstr(of_loading), HasSubstr(of_painting)));
  write_file("jobs.txt", "a cat\n");
  const std::vector<std::vector<std::string>> commands = {
      {"batch", "jobs.txt", "-o", "out"},
      {"grid", "-p", "x", "--x", "seed=1,2", "-o", "grid"},
      {"replay", "sd-1.png", "-o", "again"},
      {"bench", "--rounds", "1"}};
  for (std::vector<std::string> command : commands) {
    command.insert(command.end(), {"-m", "tiny", "--on-exist", "overwrite"});
    if (command[0] == "bench") command.resize(command.size() - 2);
    EXPECT_THAT(sd(command).err, Not(HasSubstr("a note of"))) << command[0];
    command.emplace_back("-v");
    EXPECT_THAT(sd(command).err, AllOf(HasSubstr(of_loading), HasSubstr(of_painting)))
        << command[0];
  }
}

TEST_F(MessagesTest, AWarningDoesNotRepeatAWholePrompt) {
  engine_.on_load = [](Observer& observer) {
    std::string cut;
    for (int i = 0; i < 20000; ++i) cut += i == 0 ? "word" : " word";
    observer.on_warning("The prompt is too long; this was cut: \"" + cut + "\"");
  };
  const std::string err = txt2img({"-p", "x", "-s", "1"}).err;
  EXPECT_LT(err.size(), 400);
  EXPECT_TRUE(err.starts_with("sd: warning: The prompt is too long; this was cut: \"word word "));
  EXPECT_TRUE(err.ends_with(" word\u2026\" and 19948 more words\n")) << err;
}

TEST_F(MessagesTest, ColoursCanBeTurnedOff) {
  err_is_terminal_ = true;
  engine_.on_load = [](Observer& observer) { observer.on_warning("w"); };
  EXPECT_EQ(txt2img({"-p", "x", "-s", "1", "--no-color"}).err, "sd: warning: w\n");
  set_variable("NO_COLOR", "1");
  EXPECT_EQ(txt2img({"-p", "x", "-s", "1"}).err, "sd: warning: w\n");
  set_variable("NO_COLOR", "");
  EXPECT_THAT(txt2img({"-p", "x", "-s", "1"}).err, HasSubstr("\x1b[33m"));
}

TEST_F(MessagesTest, ADumbTerminalGetsPlainLines) {
  err_is_terminal_ = true;
  set_variable("TERM", "dumb");
  make_steps(1);
  EXPECT_THAT(txt2img({"-p", "x", "-s", "1"}).err,
              AllOf(HasSubstr("sd: decoding\n"), Not(HasSubstr("\x1b")), Not(HasSubstr("\r"))));
}

TEST_F(MessagesTest, QuietLeavesErrorsAndResults) {
  make_steps(20);
  const Outcome outcome = txt2img({"-p", "x", "-q"});
  EXPECT_EQ(outcome.err, "");
  EXPECT_EQ(outcome.out, "sd-4711.png\n");
  err_is_terminal_ = true;
  EXPECT_EQ(txt2img({"-p", "x", "-q"}).err, "");
  engine_.on_load = [](Observer& observer) {
    observer.on_warning("w");
    throw Error(ErrorKind::kModel, "it broke");
  };
  err_is_terminal_ = false;
  EXPECT_EQ(txt2img({"-p", "x", "-q"}).err, "sd: error: it broke\n");
}

TEST_F(MessagesTest, VerboseSaysWhatWasDone) {
  const Outcome outcome = txt2img({"-p", "x", "-s", "1", "-v", "--steps", "12"});
  EXPECT_THAT(outcome.err, HasSubstr("sd: model " + (folder_ / "models/tiny").string() + "\n"));
  EXPECT_THAT(outcome.err,
              HasSubstr("sd: 16x16, 12 steps of ddim, scale 7.5, cpu, fp32; encoded in 0.50 s, "
                        "denoised in 2.00 s, decoded in 0.25 s\n"));
}

TEST_F(MessagesTest, TheLogHoldsWhatTheTerminalDoesNot) {
  write_file("log", "older\n");
  engine_.on_load = [](Observer& observer) { observer.on_warning("w"); };
  ASSERT_EQ(txt2img({"-p", "x", "-q", "--log-file", "log"}).err, "");
  const std::string log = read_file("log");
  EXPECT_TRUE(log.starts_with("older\n"));
  EXPECT_THAT(log, ::testing::ContainsRegex("\n20[0-9-]+T[0-9:]+Z warning: w\n"));
  EXPECT_THAT(log, HasSubstr("Z seed 4711\n"));
  EXPECT_THAT(log, HasSubstr("Z 16x16, 20 steps of ddim"));
}

TEST_F(MessagesTest, AFullDiskEndsTheLogWithOneWarning) {
  make_steps(4);
  const std::string warning =
      "sd: warning: the log file /dev/full cannot be written and ends here: No space left on "
      "device\n";
  const Outcome outcome = txt2img({"-p", "x", "-s", "1", "--log-file", "/dev/full"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "sd-1.png\n");
  EXPECT_THAT(outcome.err, HasSubstr(warning));
  const size_t first = outcome.err.find(warning);
  EXPECT_EQ(outcome.err.find("the log file", first + warning.size()), std::string::npos) << "once";
  EXPECT_EQ(txt2img({"-p", "x", "-s", "2", "-q", "--log-file", "/dev/full"}).err, warning);
}

TEST_F(MessagesTest, FileNamesCannotSteerTheTerminal) {
  const Outcome outcome = sd({"txt2img", "-p", "x", "-m", "a\x1b[2J\nb"});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("'a?[2J?b'"), Not(HasSubstr("\x1b"))));
}

}  // namespace
}  // namespace sd::testing
