#include "jobs/grid_jobs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jobs/job_keys.h"
#include "tests/support/errors.h"

namespace sd {
namespace {

using testing::ElementsAre;
using testing::Pair;

std::vector<GridAxis> axes(const std::vector<std::string>& texts) {
  const std::vector<std::string> flags = {"--x", "--y", "--z"};
  std::vector<GridAxis> axes;
  for (const std::string& text : texts) axes.push_back(parse_axis(flags[axes.size()], text));
  return axes;
}

Job base(const std::string& prompt) {
  Job job;
  job.request.prompt = prompt;
  return job;
}

/// All jobs in a text, errors as what they say.
std::vector<std::string> jobs_of(const Job& base, const std::vector<std::string>& texts) {
  const auto source = make_grid_jobs(base, axes(texts));
  std::vector<std::string> jobs;
  for (;;) {
    try {
      const auto job = source->next();
      if (!job) return jobs;
      jobs.push_back(print_job(*job));
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      jobs.emplace_back(error.what());
    }
  }
}

TEST(GridJobs, TheFirstAxisIsTheFastest) {
  EXPECT_THAT(jobs_of(base("a"), {"steps=1,2", "scale=3,4", "seed=5,6"}),
              ElementsAre(R"({"prompt":"a","steps":1,"scale":3.0,"seed":5})",
                          R"({"prompt":"a","steps":2,"scale":3.0,"seed":5})",
                          R"({"prompt":"a","steps":1,"scale":4.0,"seed":5})",
                          R"({"prompt":"a","steps":2,"scale":4.0,"seed":5})",
                          R"({"prompt":"a","steps":1,"scale":3.0,"seed":6})",
                          R"({"prompt":"a","steps":2,"scale":3.0,"seed":6})",
                          R"({"prompt":"a","steps":1,"scale":4.0,"seed":6})",
                          R"({"prompt":"a","steps":2,"scale":4.0,"seed":6})"));
}

TEST(GridJobs, TextsAreSearchedForInThePromptsOfTheOtherAxes) {
  const auto expected = ElementsAre(R"({"prompt":"a red cat"})", R"({"prompt":"a blue cat"})",
                                    R"({"prompt":"a red dog"})", R"({"prompt":"a blue dog"})");
  EXPECT_THAT(jobs_of(base(""), {"prompt_sr=red,blue", "prompt=a red cat,a red dog"}), expected);
  EXPECT_THAT(jobs_of(base("a red cat"), {"prompt_sr=red,blue", "prompt_sr=cat,dog"}), expected);
}

TEST(GridJobs, WhatCannotHoldTogetherIsNamedAndTheRestGoesOn) {
  EXPECT_THAT(jobs_of(base("a"), {"sampler=ddim,euler", "eta=0.5"}),
              ElementsAre(R"({"prompt":"a","sampler":"ddim","eta":0.5})",
                          "--x sampler=euler, --y eta=0.5: eta belongs to the sampler ddim, found "
                          "euler"));
  EXPECT_THAT(jobs_of(base("a"), {"skip_layers=none,7", "skip_layer_scale=3"}),
              ElementsAre("--x skip_layers=none, --y skip_layer_scale=3: skip_layer_scale expects "
                          "skip_layers beside it",
                          R"({"prompt":"a","skip_layers":[7],"skip_layer_scale":3.0,)"
                          R"("skip_layer_start":0.01,"skip_layer_stop":0.2})"));
  EXPECT_THAT(jobs_of(base("a"), {"strength=0.5"}),
              ElementsAre("--x strength=0.5: strength expects init_img or init_latents beside it"));
  EXPECT_THAT(jobs_of(base("a"), {"prompt_sr=red,blue"}),
              ElementsAre(testing::StartsWith("--x prompt_sr=red: --x prompt_sr expects a text"),
                          testing::StartsWith("--x prompt_sr=blue: ")));
}

TEST(GridJobs, AxesMustHaveDifferentKeys) {
  const auto error = [](const std::vector<std::string>& texts) {
    return error_of([&] { count_grid_pictures(axes(texts)); }, ErrorKind::kUsage);
  };
  EXPECT_EQ(error({"steps=1,2", "scale=1", "steps=3"}),
            "--x and --z expect different keys, found steps and steps");
  EXPECT_EQ(error({"init_img=a.png", "init_latents=b.safetensors"}),
            "--x and --y expect different keys, found init_img and init_latents");
  EXPECT_EQ(error({"negative_preset=hunyuan", "steps=1", "negative_prompt=a"}),
            "--x and --z expect different keys, found negative_preset and negative_prompt");
  EXPECT_EQ(error({"seed=1:1000", "steps=1:1000", "scale=1:2"}),
            "the grid would have 2000000 pictures, expected at most 1000000");
  EXPECT_EQ(count_grid_pictures(axes({"seed=1:1000", "steps=1:1000"})), 1000000);
}

TEST(GridJobs, FieldsNameTheAxesAsA1111Does) {
  EXPECT_THAT(axis_fields(axes({"steps=1-3", "prompt_sr=\"a, b\",c", "guidance_rescale=0.5"})),
              ElementsAre(Pair("X Type", "Steps"), Pair("X Values", "1, 2, 3"),
                          Pair("Y Type", "Prompt S/R"), Pair("Y Values", "\"a, b\", c"),
                          Pair("Z Type", "guidance rescale"), Pair("Z Values", "0.5")));
  // Read again they are the same values.
  const auto again = axis_fields(axes({"prompt=\"say \"\"hi\"\"\",,c"}));
  EXPECT_EQ(again[1].second, "\"say \"\"hi\"\"\", \"\", c");
  EXPECT_EQ(parse_axis("--x", "prompt=" + again[1].second).values,
            (std::vector<std::string>{"say \"hi\"", "", "c"}));
}

}  // namespace
}  // namespace sd
