#include "jobs/job_hash.h"

#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>

namespace sd {
namespace {

using testing::HasSubstr;

struct Facts {
  Request request;
  PictureSetting setting;

  std::string line() const { return job_parameters(request, setting); }
};

Facts cat() {
  Facts facts;
  facts.request.prompt = "a cat";
  facts.request.steps = 30;
  facts.request.seed = 18446744073709551615u;
  facts.setting = {.model_hash = "ab", .dtype = "fp32", .device = "cpu"};
  return facts;
}

TEST(JobParameters, AreOneLineWithSortedKeysAndNullForWhatIsOpen) {
  EXPECT_EQ(cat().line(),
            R"({"clip_skip":0,"device":"cpu","dtype":"fp32","eta":0.0,"format":"png",)"
            R"("guidance_rescale":0.0,"height":null,"init_image":null,"init_latents":null,)"
            R"("model":"ab","negative_prompt":"","prompt":"a cat","quality":null,"sampler":null,)"
            R"("scale":null,"seed":18446744073709551615,"sigmas":null,"spacing":null,"steps":30,)"
            R"("strength":null,"vae_tiling":false,"width":null})");
}

TEST(JobParameters, NameWhatOnlySomeFamiliesHaveWhereItSaysSomething) {
  Facts facts = cat();
  facts.request.resolution_binning = false;
  facts.request.original_size = {1024, 768};
  facts.request.target_size = {512, 384};
  facts.request.crop = {0, 16};
  facts.request.rope_grid = "original";
  facts.request.rounded_times = true;
  facts.request.variance = "learned_range";
  const std::string line = facts.line();
  for (const char* part :
       {R"("crop":"0,16",)", R"("original_size":"1024x768",)", R"("resolution_binning":false,)",
        R"("rope_grid":"original","rounded_times":true,)", R"("target_size":"512x384",)",
        R"("variance":"learned_range",)"}) {
    EXPECT_THAT(line, HasSubstr(part));
  }
}

TEST(JobHash, IsTheSha256OfTheLine) {
  EXPECT_EQ(job_hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(JobHash, ChangesWithAllThatDecidesThePicture) {
  const std::vector<std::function<void(Facts&)>> changes = {
      [](Facts&) {},
      [](Facts& facts) { facts.request.prompt = "a dog"; },
      [](Facts& facts) { facts.request.negative_prompt = "a dog"; },
      [](Facts& facts) { facts.request.width = 64; },
      [](Facts& facts) { facts.request.height = 64; },
      [](Facts& facts) { facts.request.steps = 31; },
      [](Facts& facts) { facts.request.steps.reset(); },
      [](Facts& facts) { facts.request.scale = 7.5; },
      [](Facts& facts) { facts.request.guidance_rescale = 0.7; },
      [](Facts& facts) { facts.request.sampler = "ddim"; },
      [](Facts& facts) { facts.request.sigmas = "karras"; },
      [](Facts& facts) { facts.request.spacing = "trailing"; },
      [](Facts& facts) { facts.request.eta = 1; },
      [](Facts& facts) { facts.request.clip_skip = 1; },
      [](Facts& facts) { facts.request.prompt_2 = "a dog"; },
      [](Facts& facts) { facts.request.prompt_3 = "a dog"; },
      [](Facts& facts) { facts.request.negative_prompt_2 = "a dog"; },
      [](Facts& facts) { facts.request.negative_prompt_3 = "a dog"; },
      [](Facts& facts) { facts.request.max_sequence_length = 77; },
      [](Facts& facts) { facts.request.skip_layers.layers = {7}; },
      [](Facts& facts) {
        facts.request.skip_layers.layers = {7, 8};
      },
      [](Facts& facts) { facts.request.skip_layers = {.layers = {7}, .scale = 3}; },
      [](Facts& facts) { facts.request.skip_layers = {.layers = {7}, .start = 0}; },
      [](Facts& facts) { facts.request.skip_layers = {.layers = {7}, .stop = 0.3}; },
      [](Facts& facts) { facts.request.resolution_binning = true; },
      [](Facts& facts) { facts.request.resolution_binning = false; },
      [](Facts& facts) {
        facts.request.original_size = {64, 32};
      },
      [](Facts& facts) {
        facts.request.original_size = {32, 64};
      },
      [](Facts& facts) {
        facts.request.target_size = {64, 32};
      },
      [](Facts& facts) {
        facts.request.crop = {0, 0};
      },
      [](Facts& facts) {
        facts.request.crop = {0, 8};
      },
      [](Facts& facts) {
        facts.request.crop = {8, 0};
      },
      [](Facts& facts) { facts.request.rope_grid = "original"; },
      [](Facts& facts) { facts.request.rounded_times = true; },
      [](Facts& facts) { facts.request.variance = "fixed_small"; },
      [](Facts& facts) { facts.request.variance = "learned_range"; },
      [](Facts& facts) { facts.setting.t5 = "none"; },
      [](Facts& facts) { facts.setting.t5 = "fp32"; },
      [](Facts& facts) { facts.request.seed = 1; },
      [](Facts& facts) { facts.setting.init_image_sha256 = "cd"; },
      [](Facts& facts) { facts.setting.init_latents_sha256 = "cd"; },
      [](Facts& facts) {
        facts.setting.init_latents_sha256 = "cd";
        facts.request.strength = 0.5;
      },
      [](Facts& facts) { facts.setting.model_hash = "cd"; },
      [](Facts& facts) { facts.setting.dtype = "bf16"; },
      [](Facts& facts) { facts.setting.device = "cuda:0"; },
      [](Facts& facts) { facts.setting.vae_tiling = true; },
      [](Facts& facts) { facts.setting.encoding.format = PictureFormat::kJpeg; },
      [](Facts& facts) {
        facts.setting.encoding = {PictureFormat::kJpeg, 80};
      }};
  std::set<std::string> hashes;
  for (const auto& change : changes) {
    Facts facts = cat();
    change(facts);
    hashes.insert(job_hash(facts.line()));
  }
  EXPECT_EQ(hashes.size(), changes.size());
}

TEST(JobHash, StaysWhatItIsWhereOnlyOtherThingsChange) {
  const std::vector<std::function<void(Facts&)>> changes = {
      [](Facts& facts) { facts.request.strength = 0.5; },
      [](Facts& facts) {
        facts.request.skip_layers = {.layers = {}, .scale = 5, .start = 0, .stop = 1};
      },
      [](Facts& facts) { facts.request.rope_grid = "diffusers"; },
      [](Facts& facts) { facts.setting.encoding.quality = 50; },
      [](Facts& facts) { facts.request.preview_every = 5; },
      [](Facts& facts) {
        facts.request.init_image = Picture{1, 1, {0, 0, 0}};
      }};
  for (const auto& change : changes) {
    Facts facts = cat();
    change(facts);
    EXPECT_EQ(facts.line(), cat().line());
  }
  Facts first = cat();
  Facts second = cat();
  first.setting.device = "cuda:0";
  second.setting.device = "cuda:7";
  EXPECT_EQ(first.line(), second.line());
}

TEST(DescribeDifference, SaysWhatIsThereAndWhatIsHere) {
  Facts here = cat();
  EXPECT_EQ(describe_difference(cat().line(), here.line()), "");
  here.request.steps = 20;
  EXPECT_EQ(describe_difference(cat().line(), here.line()), "steps is 30 there and 20 here");
  here.request.sampler = "ddim";
  here.request.steps.reset();
  here.setting.vae_tiling = true;
  EXPECT_EQ(describe_difference(cat().line(), here.line()),
            "sampler is not set there and \"ddim\" here; steps is 30 there and not set here; "
            "vae_tiling is false there and true here");
  here = cat();
  here.request.skip_layers.layers = {7, 8};
  here.setting.t5 = "none";
  EXPECT_THAT(describe_difference(cat().line(), here.line()),
              testing::AllOf(HasSubstr("skip_layers is not set there and \"7,8\" here; "),
                             HasSubstr("t5 is not set there and \"none\" here")));
}

TEST(DescribeDifference, ShowsOfLongTextsWhatDiffers) {
  Facts there = cat();
  Facts here = cat();
  there.request.prompt = "one\nand the same beginning of a text, ä ends here";
  here.request.prompt = "one\nand the same beginning of a text, ö " + std::string(60, 'x');
  EXPECT_EQ(describe_difference(there.line(), here.line()),
            "prompt is \"…ä ends here\" there and \"…ö " + std::string(38, 'x') + "…\" here");
  there.request.prompt = "two\nlines";
  EXPECT_THAT(describe_difference(there.line(), here.line()),
              HasSubstr(R"(prompt is "two\nlines" there and "one\nand)"));
}

TEST(DescribeDifference, TakesWhatAnotherVersionLacksForNotSet) {
  EXPECT_EQ(describe_difference(R"({"a":1})", R"({"b":null,"c":true})"),
            "a is 1 there and not set here; c is not set there and true here");
}

}  // namespace
}  // namespace sd
