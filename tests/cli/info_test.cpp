// sd info of pictures: those of sd and those of other programs.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <sstream>
#include <unistd.h>

#include "cli/help_sections.h"
#include "cli/picture_info.h"
#include "tests/cli/cli_fixture.h"

namespace sd::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

using Fields = std::vector<std::pair<std::string, std::string>>;

std::string fixture(const std::string& name) {
  return std::string(SD_TEST_DATA) + "/metadata/" + name;
}

class InfoTest : public CliTest {
 protected:
  nlohmann::ordered_json json_of(const std::string& file) {
    const Outcome outcome = sd({"info", "--json", file});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_TRUE(outcome.out.ends_with("}\n"));
    return nlohmann::ordered_json::parse(outcome.out);
  }

  /// `sd info` of a picture of another program must find this.
  void expect_found(const std::string& file, const std::string& source, const std::string& prompt,
                    const std::string& negative_prompt, const Fields& fields) {
    SCOPED_TRACE(file);
    const auto object = json_of(fixture(file));
    EXPECT_EQ(object["source"], source);
    EXPECT_EQ(object["width"], 12);
    EXPECT_EQ(object["height"], 8);
    EXPECT_EQ(object["prompt"], prompt);
    EXPECT_EQ(object["negative_prompt"], negative_prompt);
    EXPECT_TRUE(object["warning"].is_null());
    Fields found;
    for (const auto& [key, value] : object["fields"].items()) found.emplace_back(key, value);
    EXPECT_EQ(found, fields);
  }

  /// Standard input is that file while this lives.
  class StandardInput {
   public:
    explicit StandardInput(const std::string& file) : old_(::dup(STDIN_FILENO)) {
      const int fd = ::open(file.c_str(), O_RDONLY);
      ::dup2(fd, STDIN_FILENO);
      ::close(fd);
    }
    ~StandardInput() {
      ::dup2(old_, STDIN_FILENO);
      ::close(old_);
    }
    StandardInput(const StandardInput&) = delete;
    StandardInput& operator=(const StandardInput&) = delete;

   private:
    int old_;
  };
};

TEST_F(InfoTest, PrintsWhatSdPainted) {
  for (const char* file : {"a.png", "a.jpg", "a.webp"}) {
    ASSERT_EQ(
        txt2img({"-p", "a \"cat\",\nbig", "-n", "dog", "-s", "9", "-W", "24", "-o", file}).code, 0);
  }
  const Outcome outcome = sd({"info", "a.png", "a.jpg", "a.webp"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.err, "");
  EXPECT_TRUE(
      outcome.out.starts_with("a.png: PNG, 24 x 16 pixels, parameters of sd\n"
                              "Prompt: a \"cat\",\nbig\n"
                              "Negative prompt: dog\n"
                              "Steps: 20\n"
                              "Sampler: DDIM\n"
                              "CFG scale: 7.5\n"
                              "Seed: 9\n"
                              "Size: 24x16\n"))
      << outcome.out;
  EXPECT_THAT(outcome.out,
              AllOf(HasSubstr("\nDevice: cpu\nDtype: fp32\nVersion: sd "),
                    HasSubstr("\n\na.jpg: JPEG, 24 x 16 pixels, parameters of sd\n"),
                    HasSubstr("\n\na.webp: WebP, 24 x 16 pixels, parameters of sd\n")));
}

TEST_F(InfoTest, SaysWhereThereAreNone) {
  EXPECT_EQ(sd({"info", fixture("none.png")}).out,
            fixture("none.png") + ": PNG, 12 x 8 pixels, no parameters\n");
  const auto object = json_of(fixture("none.png"));
  EXPECT_EQ(object["source"], "none");
  EXPECT_FALSE(object.contains("prompt"));
}

TEST_F(InfoTest, ReadsThePicturesOfA1111) {
  const Fields fields = {{"Steps", "25"},
                         {"Sampler", "DPM++ 2M"},
                         {"Schedule type", "Karras"},
                         {"CFG scale", "7"},
                         {"Seed", "3141592653"},
                         {"Size", "512x768"},
                         {"Model hash", "6ce0161689"},
                         {"Model", "v1-5-pruned-emaonly"},
                         {"Clip skip", "2"},
                         {"Lora hashes", "fur: 1f2e3d4c5b6a, b: 00ff00ff00ff"},
                         {"Version", "v1.10.1"}};
  for (const char* file : {"a1111.png", "a1111.jpg"}) {
    expect_found(file, "a1111", "a cat, (sitting:1.2) on a mat <lora:fur:0.8>,\nmasterpiece",
                 "dog, bad\nblurry", fields);
  }
  const Fields short_fields = {{"Steps", "20"}, {"Sampler", "Euler a"}, {"CFG scale", "7"},
                               {"Seed", "5"},   {"Size", "512x512"},    {"Version", "v1.6.0"}};
  for (const char* file :
       {"a1111_unicode.png", "a1111.webp", "little_endian.jpg", "mixed_endian.jpg"}) {
    expect_found(file, "a1111", "雪山。😀 café", "", short_fields);
  }
  EXPECT_EQ(json_of(fixture("a1111.webp"))["format"], "webp");
  EXPECT_EQ(json_of(fixture("a1111.jpg"))["format"], "jpg");
}

TEST_F(InfoTest, ReadsThePicturesOfComfyUi) {
  for (const char* file : {"comfyui.png", "comfyui.webp"}) {
    expect_found(file, "comfyui", "a \"cat\",\non a mat 雪", "text, watermark",
                 {{"Steps", "20"},
                  {"Sampler", "dpmpp_2m"},
                  {"Schedule type", "karras"},
                  {"CFG scale", "8"},
                  {"Seed", "156680208700286"},
                  {"Size", "512x768"},
                  {"Model", "v1-5-pruned-emaonly.safetensors"},
                  {"VAE", "vae-ft-mse-840000.safetensors"},
                  {"Loras", "fur.safetensors: 0.8"}});
  }
  expect_found("comfyui_two.png", "comfyui", "evening sunset\na galaxy in a bottle", "ugly",
               {{"Steps", "25"},
                {"Sampler", "euler_ancestral"},
                {"Schedule type", "normal"},
                {"CFG scale", "7.5"},
                {"Seed", "721897303308196"},
                {"Size", "1024x1024"},
                {"Model", "sd_xl_base_1.0.safetensors"},
                {"Samplers", "2"}});
  expect_found("comfyui_parts.png", "comfyui", "a bottle with a rainbow", "",
               {{"Steps", "4"},
                {"Sampler", "euler"},
                {"Schedule type", "simple"},
                {"Seed", "219670278747233"},
                {"Size", "1024x512"},
                {"Model", "flux1-dev.safetensors"},
                {"VAE", "ae.safetensors"}});
}

TEST_F(InfoTest, ReadsThePicturesOfInvokeAi) {
  expect_found("invokeai.png", "invokeai", "a lighthouse, 雪", "people",
               {{"Steps", "30"},
                {"Sampler", "dpmpp_2m_k"},
                {"CFG scale", "7.5"},
                {"Seed", "2884516723"},
                {"Size", "768x512"},
                {"Model", "Dreamshaper 8"},
                {"VAE", "sd-vae-ft-mse"},
                {"Loras", "fur: 0.75"},
                {"Clip skip", "2"},
                {"RNG", "cpu"},
                {"Version", "4.2.9"}});
  expect_found("invokeai_2.png", "invokeai", "a lighthouse at night", "people boats",
               {{"Steps", "50"},
                {"Sampler", "k_euler_a"},
                {"CFG scale", "7.5"},
                {"Seed", "1234567890"},
                {"Size", "768x512"},
                {"Model", "stable-diffusion-1.5"},
                {"Version", "v2.3.5"}});
}

TEST_F(InfoTest, GoesOnAfterAFileThatIsNoPicture) {
  write_file("text.png", "no picture");
  write_file("empty.png", "");
  const std::string good = fixture("none.png");
  const Outcome some = sd({"info", good, "text.png", good, "no.png", "empty.png"});
  EXPECT_EQ(some.code, 1);
  EXPECT_EQ(some.err,
            "sd: error: 'text.png' is no PNG, JPEG or WebP picture\n"
            "sd: error: cannot read 'no.png': there is no such file\n"
            "sd: error: 'empty.png' is empty, a PNG, JPEG or WebP picture was expected\n");
  const std::string line = good + ": PNG, 12 x 8 pixels, no parameters\n";
  EXPECT_EQ(some.out, line + "\n" + line);
  EXPECT_EQ(sd({"info", "text.png"}).code, 4);
  EXPECT_EQ(sd({"info", "text.png", "no.png"}).code, 4) << "not one is a picture";
}

TEST_F(InfoTest, ReportsFailuresAsJson) {
  const Outcome outcome = sd({"info", "--json", "no.png", fixture("none.png"), "-q"});
  EXPECT_EQ(outcome.code, 1);
  std::istringstream lines(outcome.out);
  std::string line;
  std::getline(lines, line);
  const auto failed = nlohmann::json::parse(line);
  EXPECT_EQ(failed["file"], "no.png");
  EXPECT_EQ(failed["error"], "cannot read 'no.png': there is no such file");
  EXPECT_FALSE(failed.contains("format"));
  std::getline(lines, line);
  EXPECT_FALSE(nlohmann::json::parse(line).contains("error"));
}

TEST_F(InfoTest, DocumentsEveryKeyOfItsJson) {
  std::vector<std::string> printed;
  for (const std::string& file : {fixture("a1111.png"), std::string("no.png")}) {
    const auto object = nlohmann::ordered_json::parse(sd({"info", "--json", file}).out);
    for (const auto& [key, value] : object.items()) {
      if (std::ranges::find(printed, key) == printed.end()) printed.push_back(key);
    }
  }
  std::vector<std::string> documented;
  for (const HelpRow& row : picture_info_keys()) documented.emplace_back(row.term);
  EXPECT_THAT(printed, ::testing::UnorderedElementsAreArray(documented));
  EXPECT_THAT(sd({"--help"}).out, HasSubstr("\nKeys of sd info --json:\n"));
}

TEST_F(InfoTest, ReadsStandardInput) {
  {
    const StandardInput input(fixture("a1111.jpg"));
    EXPECT_TRUE(sd({"info", "-"}).out.starts_with("standard input: JPEG, 12 x 8 pixels, "));
  }
  {
    const StandardInput input(fixture("a1111.jpg"));
    EXPECT_EQ(json_of("-")["file"], "-");
  }
  const StandardInput input("/dev/null");
  const Outcome outcome = sd({"info", "-"});
  EXPECT_EQ(outcome.code, 4);
  EXPECT_THAT(outcome.err, HasSubstr("'standard input' is empty"));
}

TEST_F(InfoTest, WarnsOfDamagedParametersAndPrintsWhatCanBeRead) {
  std::string png = read_file(fixture("comfyui.webp"));
  const size_t at = png.find("\"class_type\": \"KSampler\"");
  ASSERT_NE(at, std::string::npos);
  png[at] = '?';
  write_file("a.webp", png);
  const Outcome outcome = sd({"info", "a.webp"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.err, "sd: warning: a.webp: ComfyUI's graph is damaged and cannot be read\n");
  EXPECT_TRUE(outcome.out.starts_with("a.webp: WebP, 12 x 8 pixels, parameters of ComfyUI\n"));
  EXPECT_EQ(json_of("a.webp")["warning"], "ComfyUI's graph is damaged and cannot be read");
}

TEST_F(InfoTest, LetsNoPictureSteerTheTerminal) {
  const std::string prompt = "a\x1b[2J_\t_\xc2\x9b_\x7f";
  ASSERT_EQ(txt2img({"-p", prompt, "-s", "1", "-o", "a.webp"}).code, 0);
  EXPECT_THAT(sd({"info", "a.webp"}).out, HasSubstr("\nPrompt: a?[2J_\t_?_?\nSteps: "));
  EXPECT_EQ(json_of("a.webp")["prompt"], prompt);
  std::filesystem::copy("a.webp", "\x1b[2J.webp");
  EXPECT_TRUE(sd({"info", "\x1b[2J.webp"}).out.starts_with("?[2J.webp: "));
}

TEST_F(InfoTest, TakesFilesAmongItsOptions) {
  std::filesystem::copy(fixture("none.png"), "-v.png");
  std::filesystem::copy(fixture("none.png"), "--");
  EXPECT_EQ(sd({"info", "-q", "./-v.png", "--no-color"}).code, 0);
  EXPECT_EQ(sd({"info", "--", "-v.png", "--"}).out,
            "-v.png: PNG, 12 x 8 pixels, no parameters\n\n--: PNG, 12 x 8 pixels, no parameters\n");
  const auto expect = [&](const std::vector<std::string>& arguments, const std::string& message) {
    const Outcome outcome = sd(arguments);
    EXPECT_EQ(outcome.code, 2);
    EXPECT_THAT(outcome.err, HasSubstr(message));
    EXPECT_EQ(outcome.out, "");
  };
  expect({"info"}, "FILE is needed");
  expect({"info", "--json"}, "FILE is needed");
  expect({"info", "./-v.png", "--jsn"}, "sd info has no option --jsn (did you mean --json?)");
  expect({"info", "./-v.png", "--steps", "3"},
         "--steps is an option of sd txt2img, not of sd info");
  expect({"info", "-json", "./-v.png"}, "sd info has no option -json (did you mean --json?)");
}

TEST_F(InfoTest, LoadsNoModel) {
  sd({"info", fixture("a1111.png")});
  EXPECT_TRUE(engine_.loads.empty());
}

TEST_F(InfoTest, StopsAtASignal) {
  signal_ = 15;
  const Outcome outcome = sd({"info", fixture("a1111.png")});
  EXPECT_EQ(outcome.code, 143);
  EXPECT_EQ(outcome.out, "");
}

}  // namespace
}  // namespace sd::testing
