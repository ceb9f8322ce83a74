#include "jobs/batch_task.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <utility>
#include <vector>

#include "core/check.h"

namespace sd {
namespace {

using ::testing::ElementsAre;

/// Jobs of a list; one without a prompt is an error.
class Listed : public JobSource {
 public:
  explicit Listed(std::vector<Job> jobs) : jobs_(std::move(jobs)) {}

  std::optional<Job> next() override {
    if (at_ == jobs_.size()) return {};
    const Job& job = jobs_[at_++];
    SD_CHECK(!job.request.prompt.empty(), ErrorKind::kUsage, "no prompt");
    return job;
  }

 private:
  std::vector<Job> jobs_;
  size_t at_ = 0;
};

Job job(const std::string& prompt, int count = 1, std::optional<uint64_t> seed = {}) {
  Job job;
  job.request.prompt = prompt;
  job.count = count;
  job.seed = seed;
  return job;
}

/// A model that paints 40x24 and 32x32 alone, and knows nothing of starts.
class TwoSizes : public Pipeline {
 public:
  std::vector<Painted> paint(const std::vector<Request>&, Observer&) override { return {}; }
  void check(const std::vector<Request>&) const override {}
  void encode_ahead(const std::vector<Request>&, Observer&) override {}
  void load_weights(Observer&) override {}
  ModelDefaults defaults() const override { return {}; }
  int suggested_batch_size(const Request&) const override { return 1; }
  Estimate estimate(const std::vector<Request>&) override { return {}; }
  Bound evaluate_bound(const BoundRequest&, Observer&) override { return {}; }
  PixelSize picture_size(const Request& request) const override {
    const bool is_wide = request.width.value_or(32) > request.height.value_or(32);
    return is_wide ? PixelSize{40, 24} : PixelSize{32, 32};
  }
  LatentSpace latent_space() const override { return {}; }
};

TEST(PaintedSize, IsThatOfTheModelWhereNoStartHasASay) {
  struct Row {
    std::optional<int> width;
    std::optional<int> height;
    std::string image;
    std::string latents;
    std::optional<PixelSize> size;
    std::string words;
  };
  const std::vector<Row> rows = {
      {{}, {}, "", "", PixelSize{32, 32}, "32x32"},
      {101, {}, "", "", PixelSize{40, 24}, "40x24"},
      {101, 67, "", "", PixelSize{40, 24}, "40x24"},
      {{}, {}, "a.png", "", {}, "the input's size"},
      {101, {}, "a.png", "", {}, "101 by the input's height"},
      {{}, 67, "a.png", "", {}, "the input's width by 67"},
      {101, 67, "a.png", "", PixelSize{40, 24}, "40x24"},
      {{}, {}, "", "l.safetensors", {}, "the input's size"},
      {104, 64, "", "l.safetensors", PixelSize{104, 64}, "104x64"},
  };
  const TwoSizes model;
  for (const Row& row : rows) {
    BatchTask task;
    task.job.request.width = row.width;
    task.job.request.height = row.height;
    task.job.init_image = row.image;
    task.job.init_latents = row.latents;
    EXPECT_EQ(painted_size(task, model), row.size) << row.words;
    EXPECT_EQ(describe_size(task, model), row.words);
  }
}

TEST(TaskSource, NumbersThePicturesOfAllJobs) {
  Listed jobs({job("a", 2), job("b"), job("c", 3)});
  TaskSource tasks(jobs, 100);
  std::vector<std::pair<std::string, int64_t>> all;
  std::vector<uint64_t> seeds;
  while (const auto task = tasks.next()) {
    all.emplace_back(task->job.request.prompt, task->index);
    seeds.push_back(task->job.request.seed);
    EXPECT_EQ(task->job.count, 1);
  }
  using Pair = std::pair<std::string, int64_t>;
  EXPECT_THAT(all, ElementsAre(Pair("a", 0), Pair("a", 1), Pair("b", 2), Pair("c", 3), Pair("c", 4),
                               Pair("c", 5)));
  EXPECT_THAT(seeds, ElementsAre(100, 101, 102, 103, 104, 105));
  EXPECT_EQ(tasks.next_index(), 6);
  EXPECT_FALSE(tasks.next());
}

TEST(TaskSource, AJobsSeedIsThatOfItsFirstPicture) {
  Listed jobs({job("a"), job("b", 2, 7), job("c")});
  TaskSource tasks(jobs, 0);
  std::vector<uint64_t> seeds;
  while (const auto task = tasks.next()) seeds.push_back(task->job.request.seed);
  EXPECT_THAT(seeds, ElementsAre(0, 7, 8, 3));
}

TEST(TaskSource, JobsMayShareTheBaseSeed) {
  Listed jobs({job("a"), job("b", 2), job("c", 1, 5), job("d")});
  TaskSource tasks(jobs, 100, {}, SeedRule::kShared);
  std::vector<uint64_t> seeds;
  while (const auto task = tasks.next()) seeds.push_back(task->job.request.seed);
  EXPECT_THAT(seeds, ElementsAre(100, 100, 101, 5, 100));
}

TEST(TaskSource, AJobThatCannotBeReadKeepsItsNumber) {
  Listed jobs({job("a"), job(""), job("c")});
  TaskSource tasks(jobs, 0);
  EXPECT_EQ(tasks.next()->index, 0);
  EXPECT_EQ(tasks.next_index(), 1);
  EXPECT_THROW(tasks.next(), Error);
  EXPECT_EQ(tasks.next()->index, 2);
}

TEST(TaskSource, APromptThatCannotBeExpandedKeepsItsNumber) {
  Listed jobs({job("a", 2), job("b")});
  int asked = 0;
  TaskSource tasks(jobs, 0, [&](BatchTask& task) {
    SD_CHECK(asked++ != 0, ErrorKind::kUsage, "no such wildcard");
    task.prompt_template = std::exchange(task.job.request.prompt, "expanded");
  });
  EXPECT_THROW(tasks.next(), Error);
  const auto second = tasks.next();
  EXPECT_EQ(second->index, 1);
  EXPECT_EQ(second->prompt_template, "a");
  EXPECT_EQ(second->job.request.prompt, "expanded");
  EXPECT_EQ(tasks.next()->prompt_template, "b");
}

}  // namespace
}  // namespace sd
