// Pictures as jobs: read_picture_job is the way back of picture_parameters.

#include "jobs/picture_job.h"

#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <span>

#include "io/infotext.h"
#include "io/picture_format.h"
#include "jobs/job_keys.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"

namespace sd {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

using Fields = std::vector<std::pair<std::string, std::string>>;

class PictureJobTest : public testing::Test {
 protected:
  /// Writes a small picture with that text in it.
  std::string write(const std::string& name, const std::string& parameters,
                    PictureFormat format = PictureFormat::kPng) const {
    const Picture picture = {8, 8, std::vector<uint8_t>(8 * 8 * 3)};
    const auto bytes = encode_picture(picture, parameters, {format, kDefaultQuality}).bytes;
    return folder_.write(name, {bytes.begin(), bytes.end()}).string();
  }

  /// The same with fields in place of those that sd writes, or beside them; "" takes one away.
  std::string write_fields(const Fields& fields) const {
    Infotext text{"a cat",
                  "dog",
                  {{"Steps", "20"},
                   {"Sampler", "Euler a"},
                   {"CFG scale", "7"},
                   {"Seed", "5"},
                   {"Size", "64x96"},
                   {"Model", "tiny"}}};
    for (const auto& [key, value] : fields) {
      std::erase_if(text.fields, [&key = key](const auto& field) { return field.first == key; });
      if (!value.empty()) text.fields.emplace_back(key, value);
    }
    return write("a.png", print_infotext(text));
  }

  PictureJob read_fields(const Fields& fields, const std::vector<JobChange>& changes = {}) const {
    return read_picture_job(write_fields(fields), {}, changes);
  }

  /// The error of a picture with these fields, without the picture's name.
  std::string error_of_fields(const Fields& fields) const {
    const std::string error = error_of([&] { read_fields(fields); }, ErrorKind::kUsage);
    const std::string start = (folder_ / "a.png").string() + ": ";
    EXPECT_THAT(error, StartsWith(start));
    return error.substr(std::min(start.size(), error.size()));
  }

  TemporaryFolder folder_;
};

const Fields kOwn = {{"Version", "sd 0.1.0"}, {"RNG", "CPU"}};

Fields own(Fields fields) {
  fields.insert(fields.end(), kOwn.begin(), kOwn.end());
  return fields;
}

TEST_F(PictureJobTest, WhatTheParametersLeaveOpenIsThatOfTheBase) {
  Job base;
  base.model = "mine";
  base.request.steps = 7;
  base.request.spacing = "trailing";
  base.count = 3;
  const std::string file = write_fields({{"Model", ""}, {"Steps", ""}});
  const PictureJob found = read_picture_job(file, base);
  EXPECT_EQ(found.job.model, "mine");
  EXPECT_EQ(found.job.request.steps, 7);
  EXPECT_EQ(found.job.request.spacing, "trailing");
  EXPECT_EQ(found.job.count, 3);
  EXPECT_EQ(found.job.request.width, 64);
}

TEST_F(PictureJobTest, ChangesComeInPlaceOfFields) {
  const PictureJob found =
      read_fields({{"Sampler", "Restart"}, {"Size", "big"}, {"Seed", "-3"}}, {{"sampler", "ddim"},
                                                                              {"width", "8"},
                                                                              {"height", "16"},
                                                                              {"seed", "4"},
                                                                              {"steps", "30"},
                                                                              {"steps", "31"}});
  EXPECT_EQ(found.job.request.sampler, "ddim");
  EXPECT_EQ(found.job.request.width, 8);
  EXPECT_EQ(found.job.request.height, 16);
  EXPECT_EQ(found.job.seed, 4);
  EXPECT_EQ(found.job.request.steps, 31) << "the last one counts";
  EXPECT_EQ(found.job.request.prompt, "a cat");
}

TEST_F(PictureJobTest, ChangesComeInPlaceOfWhatOnlySomeFamiliesHave) {
  const Fields fields = own({{"Prompt 2", "a, b"},
                             {"Negative prompt 3", "n"},
                             {"Max sequence length", "many"},
                             {"Skip layers", "7 8 9"},
                             {"Skip layer scale", "3"},
                             {"T5", "none"}});
  EXPECT_THAT(error_of_fields(fields),
              StartsWith("Max sequence length expects a whole number from 1 to 512"));
  const PictureJob found =
      read_fields(fields, {{"max_sequence_length", "77"}, {"prompt_2", "c"}, {"skip_layers", "4"}});
  EXPECT_EQ(found.job.request.prompt_2, "c");
  EXPECT_EQ(found.job.request.negative_prompt_3, "n");
  EXPECT_EQ(found.job.request.max_sequence_length, 77);
  EXPECT_EQ(found.job.request.skip_layers, (SkipLayerGuidance{.layers = {4}, .scale = 3}));
  EXPECT_EQ(found.t5, "none");
  EXPECT_THAT(found.unequalled, IsEmpty());
  EXPECT_THAT(read_fields(own({{"T5", "t5xxl_fp8"}})).unequalled, ElementsAre("T5"));
}

TEST_F(PictureJobTest, SizesAndSwitchesAreChangedAndCheckedToo) {
  const Fields fields = own({{"Resolution binning", "True"},
                             {"Original size", "big"},
                             {"Crop corner", "8 16"},
                             {"Rounded times", "maybe"}});
  EXPECT_EQ(error_of_fields(fields), "Rounded times expects true or false, found 'maybe'");
  const Request request =
      read_fields(fields, {{"rounded_times", "true"}, {"original_size", "64x32"}}).job.request;
  EXPECT_EQ(request.resolution_binning, true);
  EXPECT_EQ(request.original_size, (PixelSize{64, 32}));
  EXPECT_EQ(request.crop, (CropCorner{8, 16}));
  EXPECT_TRUE(request.rounded_times);
  EXPECT_THAT(error_of_fields(own({{"Original size", "big"}})),
              StartsWith("Original size expects WIDTHxHEIGHT"));
  EXPECT_EQ(error_of_fields(own({{"Variance", "fixed_small"}})),
            "variance belongs to the sampler ddpm, found euler_a");
}

TEST_F(PictureJobTest, ANegativePresetComesInPlaceOfTheNegativePrompt) {
  EXPECT_THAT(read_fields({}, {{"negative_preset", "hunyuan"}}).job.request.negative_prompt,
              StartsWith("错误的眼睛，"));
  const std::vector<JobChange> both = {{"negative_preset", "hunyuan"}, {"negative_prompt", "dark"}};
  expect_error([&] { read_fields({}, both); }, ErrorKind::kUsage,
               "a.png: negative_preset and negative_prompt cannot stand together");
}

TEST_F(PictureJobTest, AChangeThatSaysNothingIsAnError) {
  const std::vector<JobChange> changes = {{"skip_layer_scale", "3"}};
  expect_error([&] { read_fields({}, changes); }, ErrorKind::kUsage,
               "a.png: skip_layer_scale expects skip_layers beside it");
  expect_error(
      [&] {
        read_fields({}, {{"strength", "0.3"}});
      },
      ErrorKind::kUsage, "a.png: strength expects init_img or init_latents beside it");
}

TEST_F(PictureJobTest, ChangesAreCheckedWithTheRest) {
  const std::vector<JobChange> changes = {{"eta", "0.5"}};
  expect_error([&] { read_fields({}, changes); }, ErrorKind::kUsage,
               "a.png: eta belongs to the sampler ddim, found euler_a");
}

TEST_F(PictureJobTest, TheStartIsLookedForBesideThePictureThenHere) {
  const Fields fields = own({{"Denoising strength", "0.4"}, {"Init image", "start.png"}});
  const fs::path old = fs::current_path();
  const TemporaryFolder here;
  fs::current_path(here.path());
  EXPECT_EQ(error_of_fields(fields),
            "Init image: there is no file 'start.png' beside the picture or in the current folder "
            "(sd replay --set init_img=PATH says where it is)");
  here.write("start.png", "");
  EXPECT_EQ(read_fields(fields).job.init_image, "start.png");
  folder_.write("start.png", "");
  EXPECT_EQ(read_fields(fields).job.init_image, (folder_ / "start.png").string());
  EXPECT_EQ(read_fields(fields).job.request.strength, 0.4);
  fs::current_path(old);
}

TEST_F(PictureJobTest, AChangeSaysWhereTheStartIs) {
  const Fields fields = own({{"Denoising strength", "0.4"}, {"Init image", "gone.png"}});
  EXPECT_EQ(read_fields(fields, {{"init_img", "other.png"}}).job.init_image, "other.png");
  const Job latents = read_fields(fields, {{"init_latents", "x.safetensors"}}).job;
  EXPECT_EQ(latents.init_image, "");
  EXPECT_EQ(latents.init_latents, "x.safetensors");
}

// A name with folders in it must not lead out of where it is looked for.
TEST_F(PictureJobTest, TheNameOfAStartHasNoFolders) {
  folder_.write("start.png", "");
  const Fields fields = own({{"Denoising strength", "0.4"}, {"Init image", "/etc/../start.png"}});
  EXPECT_EQ(read_fields(fields).job.init_image, (folder_ / "start.png").string());
  EXPECT_THAT(error_of_fields(own({{"Denoising strength", "0.4"}, {"Init image", "/etc/passwd"}})),
              HasSubstr("there is no file 'passwd' beside the picture"));
}

TEST_F(PictureJobTest, AnotherProgramsStartIsToBeNamed) {
  const Fields fields = {{"Denoising strength", "0.4"}, {"Version", "v1.10.1"}};
  EXPECT_EQ(error_of_fields(fields),
            "it was painted from another picture, which its parameters do not name (sd replay "
            "--set init_img=PATH does)");
  const Job job = read_fields(fields, {{"init_img", "s.png"}}).job;
  EXPECT_EQ(job.init_image, "s.png");
  EXPECT_EQ(job.request.strength, 0.4);
}

TEST_F(PictureJobTest, OtherProgramsCallThingsOtherwise) {
  const auto sampler = [&](const std::string& name, const std::string& schedule = "") {
    const Request request =
        read_fields({{"Sampler", name}, {"Schedule type", schedule}}).job.request;
    return request.sampler + " " + request.sigmas;
  };
  EXPECT_EQ(sampler("DPM++ 2M Karras"), "dpmpp_2m karras");
  EXPECT_EQ(sampler("DPM++ 2M", "Karras"), "dpmpp_2m karras");
  EXPECT_EQ(sampler("DPM++ 2M", "Automatic"), "dpmpp_2m ");
  EXPECT_EQ(sampler("dpmpp_2m", "karras"), "dpmpp_2m karras");
  EXPECT_EQ(sampler("dpmpp_2m_k"), "dpmpp_2m karras");
  EXPECT_EQ(sampler("k_euler_a"), "euler_a ");
  EXPECT_EQ(read_fields({{"Sampler", "DDIM"}, {"Eta DDIM", "0.5"}}).job.request.eta, 0.5);
  EXPECT_EQ(read_fields({{"Clip skip", "2"}}).job.request.clip_skip, 1);
  const PictureJob found = read_fields({});
  EXPECT_FALSE(found.dtype || found.device || found.variant || found.vae_tiling);
}

TEST_F(PictureJobTest, NamesWhatSdHasNoEqualOf) {
  const auto unequalled = [&](const Fields& fields) { return read_fields(fields).unequalled; };
  const Fields cpu = {{"RNG", "CPU"},
                      {"Model hash", "6ce0161689"},
                      {"Version", "v1.10.1"},
                      {"VAE hash", "1234567890"}};
  EXPECT_THAT(unequalled(cpu), IsEmpty());
  Fields fields = cpu;
  fields.insert(fields.end(), {{"VAE", "mse.pt"},
                               {"Variation seed", "5"},
                               {"Lora hashes", "a: b"},
                               {"Schedule type", "KL Optimal"}});
  EXPECT_THAT(unequalled(fields),
              ElementsAre("VAE", "Variation seed", "Lora hashes", "Schedule type"));
  EXPECT_THAT(unequalled({}), ElementsAre("noise of another generator than that of the CPU (RNG)"));
}

TEST_F(PictureJobTest, HiresFixIsNoStart) {
  const PictureJob found = read_fields({{"Denoising strength", "0.5"},
                                        {"Hires upscale", "2"},
                                        {"Hires upscaler", "Latent"},
                                        {"RNG", "CPU"}});
  EXPECT_THAT(found.unequalled, ElementsAre("Hires upscale", "Hires upscaler"));
  EXPECT_EQ(print_job(found.job).find("strength"), std::string::npos);
}

TEST_F(PictureJobTest, NamesWhatOthersFindInPrompts) {
  const auto of = [&](const std::string& prompt, const std::string& version) {
    const Infotext text{
        prompt, "", {{"Steps", "2"}, {"Seed", "1"}, {"RNG", "CPU"}, {"Version", version}}};
    return read_picture_job(write("a.png", print_infotext(text)), {}).unequalled;
  };
  EXPECT_THAT(of("a <lora:fur:0.8> cat", "v1"), ElementsAre("<lora:...> in the prompt"));
  EXPECT_THAT(of("a (red:1.3) cat", "v1"), ElementsAre("weights in the prompt, as in (red:1.3)"));
  EXPECT_THAT(of("at 10:30 (or so), a:b) and (c: d)", "v1"), IsEmpty());
  EXPECT_THAT(of("a (red:1.3) <lora:fur:0.8> cat", "sd 0.1.0"), IsEmpty())
      << "sd took it literally then, too";
}

TEST_F(PictureJobTest, WhatSdDoesNotTakeIsAnError) {
  EXPECT_THAT(error_of_fields({{"Sampler", "Restart"}}), StartsWith("Sampler expects ddim, plms"));
  EXPECT_EQ(error_of_fields({{"Steps", "5000"}}),
            "Steps expects a whole number from 1 to 1000, found '5000'");
  EXPECT_THAT(error_of_fields({{"CFG scale", "nan"}}), HasSubstr("CFG scale expects"));
  EXPECT_EQ(error_of_fields({{"Size", "512"}}), "Size expects WIDTHxHEIGHT, found '512'");
  EXPECT_THAT(error_of_fields({{"Size", "512x"}}), HasSubstr("Size expects a whole number"));
  EXPECT_THAT(error_of_fields({{"Clip skip", "0"}}), HasSubstr("Clip skip expects"));
  EXPECT_THAT(error_of_fields({{"Seed", "x"}}), HasSubstr("Seed expects"));
  EXPECT_EQ(error_of_fields({{"Eta", "0.67"}}), "eta belongs to the sampler ddim, found euler_a");
}

TEST_F(PictureJobTest, WhatIsNoSinglePictureWithParametersIsAnError) {
  const auto error = [&](const std::string& file) {
    return error_of([&] { read_picture_job(file, {}); }, ErrorKind::kUsage);
  };
  const std::string none = std::string(SD_TEST_DATA) + "/metadata/none.png";
  EXPECT_EQ(error(none), none +
                             ": expected the parameters it was painted with, found none in the "
                             "file");
  EXPECT_EQ(error_of_fields({{"X Type", "Steps"}, {"X Values", "1, 2"}}),
            "expected a single picture, found a contact sheet of several");
  EXPECT_EQ(error((folder_ / "gone.png").string()),
            "cannot read '" + (folder_ / "gone.png").string() + "': there is no such file");
  folder_.write("jobs.txt", "a cat\n");
  EXPECT_THAT(error((folder_ / "jobs.txt").string()),
              HasSubstr("jobs.txt' is no PNG, JPEG or WebP picture"));
}

TEST_F(PictureJobTest, PromptsThatTheFormatLeftOutAreToBeGiven) {
  const Fields fields = own({{"Left out", "prompts"}});
  EXPECT_EQ(error_of_fields(fields),
            "its parameters hold no prompts, which were too long for its format (sd replay --set "
            "prompt=TEXT gives one)");
  EXPECT_EQ(read_fields(fields, {{"prompt", "a cow"}}).job.request.prompt, "a cow");
}

TEST_F(PictureJobTest, StopsWhereItIsToldTo) {
  expect_error([&] { read_picture_job(write_fields({}), {}, {}, [] { return true; }); },
               ErrorKind::kInterrupted, "stopped");
}

TEST(JobChange, IsAKeyAndItsValue) {
  const JobChange change = parse_job_change("--set", "cfg-scale=7.5");
  EXPECT_EQ(change.key, "scale");
  EXPECT_EQ(parse_job_change("--set", "prompt=a = b").value, "a = b");
  const auto error = [](const std::string& text) {
    return error_of([&] { parse_job_change("--set", text); }, ErrorKind::kUsage);
  };
  EXPECT_EQ(error("steps"), "--set expects a key and its value, such as steps=30, found 'steps'");
  EXPECT_EQ(error("stepz=3"),
            "--set: expected a key such as prompt or steps, found 'stepz' (did you mean steps?)");
  EXPECT_EQ(error("steps=many"),
            "--set: steps expects a whole number from 1 to 1000, found 'many'");
  EXPECT_EQ(error("=3"), "--set: expected a key such as prompt or steps, found ''");
}

TEST(BeginsPicture, TellsPicturesByTheirFirstBytes) {
  EXPECT_TRUE(begins_picture("\x89PNG\r\n\x1a\n"));
  EXPECT_TRUE(begins_picture("\xff\xd8\xff\xe0"));
  EXPECT_TRUE(begins_picture("RIFF1234WEBPVP8 "));
  for (const char* text : {"", "{\"prompt\": \"a\"}", "RIFF1234WAVEfmt ", "GIF89a", "\x89PN"}) {
    EXPECT_FALSE(begins_picture(text)) << text;
  }
}

}  // namespace
}  // namespace sd
