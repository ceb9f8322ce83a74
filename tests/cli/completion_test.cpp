// The completion scripts, asked by the shells themselves.

#include "cli/completion.h"

#include <cstdio>
#include <cstdlib>
#include <gmock/gmock.h>
#include <memory>
#include <sstream>

#include "cli/model_path.h"
#include "tests/cli/cli_fixture.h"

namespace sd::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;

namespace fs = std::filesystem;

/// Standard output of a shell command, line by line, sorted.
std::vector<std::string> lines_of(const std::string& command) {
  // NOLINTNEXTLINE(bugprone-command-processor): shells are what is tested
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
  std::vector<std::string> lines;
  std::string line;
  for (int c = std::fgetc(pipe.get()); c != EOF; c = std::fgetc(pipe.get())) {
    if (c != '\n') {
      line += static_cast<char>(c);
      continue;
    }
    if (!line.empty()) lines.push_back(line);
    line.clear();
  }
  if (!line.empty()) lines.push_back(line);
  std::ranges::sort(lines);
  return lines;
}

bool has_program(const std::string& name) {
  std::istringstream folders(std::getenv("PATH"));
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (fs::exists(fs::path(folder) / name)) return true;
  }
  return false;
}

class CompletionTest : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    fs::create_directory("models/bin");
    fs::create_symlink(SD_PROGRAM, "models/bin/sd");
    set_variable("PATH", (folder_ / "models/bin").string() + ":" + std::getenv("PATH"));
    set_variable("HOME", folder_ / "models");
    write_file("picture.png", "");
    fs::create_directory("pictures");
  }

  /// What bash proposes for the last of the words, each in single quotes.
  static std::vector<std::string> bash(const std::string& words, int count) {
    write_file("models/completion.bash", bash_completion());
    write_file("models/ask.bash",
               "compopt() { :; }\nsource models/completion.bash\n"
               "COMP_WORDS=(" +
                   words +
                   ")\n"
                   "COMP_CWORD=" +
                   std::to_string(count - 1) +
                   "\n_sd\n"
                   "printf '%s\\n' \"${COMPREPLY[@]}\"\n");
    return lines_of("bash models/ask.bash 2>&1");
  }

  /// What fish proposes for a line, without the descriptions.
  static std::vector<std::string> fish(const std::string& line) {
    write_file("models/completion.fish", fish_completion());
    return lines_of("fish --no-config -c \"source models/completion.fish; complete -C '" + line +
                    "'\" 2>&1 | cut -f 1");
  }

  /// What zsh proposes for a line.
  static std::vector<std::string> zsh(const std::string& line) {
    write_file("models/_sd", zsh_completion());
    // A terminal of its own in which a Tab is typed; the list of matches is printed by a hook.
    write_file(
        "models/ask.zsh",
        "zmodload zsh/zpty\n"
        "zpty -b ask zsh -f -i\n"
        "tell() { zpty -w ask \"$1\" }\n"
        "tell 'PS1=; PATH=" +
            std::string(std::getenv("PATH")) +
            "; fpath=($PWD/models $fpath)'\n"
            "tell 'autoload -Uz compinit; compinit -u -D; zmodload zsh/complist'\n"
            "tell 'LISTMAX=1000; setopt no_auto_menu no_list_beep no_auto_list'\n"
            "tell 'compadd() {\n"
            "  local -a found; builtin compadd -O found \"$@\"; print -rl -- ${found/#/match:} >> "
            "$PWD/models/found\n"
            "  builtin compadd \"$@\" }'\n"
            "tell 'print ready > models/ready'\n"
            "for ((i = 0; i < 200; ++i)); do [[ -e models/ready ]] && "
            "break; sleep 0.05; done\n"
            "zpty -w -n ask '" +
            line +
            "'$'\\t'\n"
            "sleep 1\n"
            "for ((i = 0; i < 100; ++i)); do [[ -s models/found ]] && break; sleep 0.05; done\n"
            "zpty -d ask\n"
            "sed -n 's/^match://p' models/found\n");
    return lines_of("zsh -f models/ask.zsh 2>&1");
  }
};

TEST_F(CompletionTest, EveryScriptKnowsEveryOption) {
  for (const std::string& script : {bash_completion(), zsh_completion(), fish_completion()}) {
    for (const char* name : {"prompt", "ddim_steps", "init-img", "n_samples", "vae-tiling",
                             "prompt-2", "negative-prompt-3", "max-sequence-length", "skip-layers",
                             "no-t5", "negative-preset", "no-resolution-binning", "original-size",
                             "target-size", "crop", "rope-grid", "rounded-times", "variance"}) {
      EXPECT_THAT(script, HasSubstr(name));
    }
  }
}

TEST_F(CompletionTest, PrintsTheScripts) {
  EXPECT_EQ(sd({"completion", "bash"}).out, bash_completion());
  EXPECT_EQ(sd({"completion", "zsh"}).out, zsh_completion());
  EXPECT_EQ(sd({"completion", "fish"}).out, fish_completion());
  EXPECT_THAT(sd({"completion", "models"}).out, HasSubstr("tiny\n"));
  for (const std::vector<std::string>& wrong :
       {std::vector<std::string>{"completion"}, {"completion", "tcsh"}}) {
    const Outcome outcome = sd(wrong);
    EXPECT_EQ(outcome.code, 2);
    EXPECT_THAT(outcome.err, HasSubstr("bash, zsh, fish or models"));
  }
}

TEST_F(CompletionTest, KnowsModelsByName) {
  make_model(folder_ / "models/hub/models--org--name/snapshots/abc");
  fs::create_directories("models/hub/models--org--name/refs");
  fs::create_directories("models/hub/models--org--broken/refs");
  write_file("models/hub/models--org--name/refs/main", "abc");
  write_file("models/hub/models--org--broken/refs/main", "gone");
  set_variable("HF_HUB_CACHE", folder_ / "models/hub");
  EXPECT_THAT(known_models(), IsSupersetOf({"org/name", "tiny"}));
  EXPECT_THAT(known_models(), Not(Contains("org/broken")));
}

TEST_F(CompletionTest, BashCompletes) {
  if (!has_program("bash")) GTEST_SKIP() << "no bash";
  EXPECT_THAT(bash("sd tx", 2), ElementsAre("txt2img"));
  EXPECT_THAT(bash("sd txt2img --samp", 3), ElementsAre("--sampler"));
  EXPECT_THAT(bash("sd txt2img --sampler dd", 4), ElementsAre("ddim", "ddpm"));
  EXPECT_THAT(bash("sd batch --t5-dtype fp", 4), ElementsAre("fp16", "fp32"));
  EXPECT_THAT(bash("sd batch --variance fixed_s", 4),
              ElementsAre("fixed_small", "fixed_small_log"));
  EXPECT_THAT(bash("sd bench --rope-grid =", 4), ElementsAre("diffusers", "original"));
  EXPECT_THAT(bash("sd grid --negative-preset h", 4), ElementsAre("hunyuan"));
  EXPECT_THAT(bash("sd img2img --no-re", 3), ElementsAre("--no-resolution-binning"));
  EXPECT_THAT(bash("sd txt2img --sampler = dd", 5), ElementsAre("ddim", "ddpm"));
  EXPECT_THAT(bash("sd txt2img --sampler =", 4), Contains("euler_a"));
  EXPECT_THAT(bash("sd txt2img -m ti", 4), Contains("tiny"));
  EXPECT_THAT(bash("sd txt2img -o pict", 4), ElementsAre("picture.png", "pictures"));
  EXPECT_THAT(bash("sd info pict", 3), ElementsAre("picture.png", "pictures"));
  EXPECT_THAT(bash("sd info --js", 3), ElementsAre("--json"));
  EXPECT_THAT(bash("sd completion z", 3), ElementsAre("zsh"));
  EXPECT_THAT(bash("sd help img", 3), ElementsAre("img2img"));
  EXPECT_THAT(bash("sd manifest ver", 3), ElementsAre("verify"));
  EXPECT_THAT(bash("sd manifest verify pict", 4), ElementsAre("picture.png", "pictures"));
  EXPECT_THAT(bash("sd txt2img --init", 3), IsEmpty()) << "an option of img2img";
}

TEST_F(CompletionTest, FishCompletes) {
  if (!has_program("fish")) GTEST_SKIP() << "no fish";
  EXPECT_THAT(fish("sd tx"), ElementsAre("txt2img"));
  EXPECT_THAT(fish("sd txt2img --samp"), ElementsAre("--sampler"));
  EXPECT_THAT(fish("sd txt2img --sampler dd"), ElementsAre("ddim", "ddpm"));
  EXPECT_THAT(fish("sd txt2img -m ti"), Contains("tiny"));
  EXPECT_THAT(fish("sd info pict"), ElementsAre("picture.png", "pictures/"));
  EXPECT_THAT(fish("sd completion z"), ElementsAre("zsh"));
  EXPECT_THAT(fish("sd manifest ver"), ElementsAre("verify"));
}

TEST_F(CompletionTest, ZshCompletes) {
  if (!has_program("zsh")) GTEST_SKIP() << "no zsh";
  write_file("models/_sd", zsh_completion());
  EXPECT_THAT(lines_of("zsh -n models/_sd 2>&1"), IsEmpty());
  EXPECT_THAT(zsh("sd txt2img --sampler=dd"), IsSupersetOf({"ddim", "ddpm"}));
}

}  // namespace
}  // namespace sd::testing
