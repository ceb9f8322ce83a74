#include "jobs/job_keys.h"

#include <functional>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "jobs/request_limits.h"
#include "tests/jobs/job_file_support.h"

namespace sd {
namespace {

using testing::HasSubstr;

/// The job after `--set key=text`.
Job with(const std::string& key, const std::string& text) {
  Job job;
  set_job_value(job, key, text);
  return job;
}

std::string error_with(const std::string& key, const std::string& text) {
  return error_of([&] { with(key, text); }, ErrorKind::kUsage);
}

std::string json_error_with(const std::string& key, const nlohmann::json& value) {
  Job job;
  return error_of([&] { set_job_json(job, key, value); }, ErrorKind::kUsage);
}

TEST(JobKeys, StoreEachFieldOfAJob) {
  EXPECT_EQ(with("prompt", "a cat").request.prompt, "a cat");
  EXPECT_EQ(with("prompt", "").request.prompt, "");
  EXPECT_EQ(with("negative_prompt", "a dog").request.negative_prompt, "a dog");
  EXPECT_EQ(with("prompt_2", "a").request.prompt_2, "a");
  EXPECT_EQ(with("prompt_3", "a").request.prompt_3, "a");
  EXPECT_EQ(with("negative_prompt_2", "a").request.negative_prompt_2, "a");
  EXPECT_EQ(with("negative_prompt_3", "a").request.negative_prompt_3, "a");
  EXPECT_EQ(with("max_sequence_length", "512").request.max_sequence_length, 512);
  EXPECT_EQ(with("skip_layer_scale", "-2.5").request.skip_layers.scale, -2.5);
  EXPECT_EQ(with("skip_layer_start", "0").request.skip_layers.start, 0);
  EXPECT_EQ(with("skip_layer_stop", "1").request.skip_layers.stop, 1);
  EXPECT_EQ(with("resolution_binning", "false").request.resolution_binning, false);
  EXPECT_EQ(with("original_size", "1x16384").request.original_size, (PixelSize{1, 16384}));
  EXPECT_EQ(with("target_size", "768x1280").request.target_size, (PixelSize{768, 1280}));
  EXPECT_EQ(with("crop", "0,16384").request.crop, (CropCorner{0, 16384}));
  EXPECT_EQ(with("rope_grid", "Original").request.rope_grid, "original");
  EXPECT_TRUE(with("rounded_times", "true").request.rounded_times);
  EXPECT_EQ(with("variance", "learned_range").request.variance, "learned_range");
  EXPECT_EQ(with("width", "16384").request.width, 16384);
  EXPECT_EQ(with("height", "8").request.height, 8);
  EXPECT_EQ(with("steps", "1000").request.steps, 1000);
  EXPECT_EQ(with("scale", "7.5").request.scale, 7.5);
  EXPECT_EQ(with("guidance_rescale", "0.7").request.guidance_rescale, 0.7);
  EXPECT_EQ(with("sampler", "Euler a").request.sampler, "euler_a");
  EXPECT_EQ(with("sigmas", "Karras").request.sigmas, "karras");
  EXPECT_EQ(with("spacing", "trailing").request.spacing, "trailing");
  EXPECT_EQ(with("eta", "1").request.eta, 1);
  EXPECT_EQ(with("seed", "18446744073709551615").seed, std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(with("clip_skip", "2").request.clip_skip, 2);
  EXPECT_EQ(with("init_img", "in/a.png").init_image, "in/a.png");
  EXPECT_EQ(with("init_latents", "a.safetensors").init_latents, "a.safetensors");
  EXPECT_EQ(with("strength", "0").request.strength, 0);
  EXPECT_EQ(with("count", "1000000").count, 1000000);
  EXPECT_EQ(with("model", "org/name").model, "org/name");
  EXPECT_EQ(with("output", "cat-{seed}.png").output, "cat-{seed}.png");
}

TEST(JobKeys, HaveTheNamesOfOtherPrograms) {
  const std::map<std::string, std::vector<std::string>> names = {
      {"negative_prompt", {"negative-prompt"}},
      {"width", {"W"}},
      {"height", {"H"}},
      {"steps", {"ddim_steps", "ddim-steps", "num_inference_steps"}},
      {"scale", {"cfg_scale", "cfg-scale", "guidance_scale"}},
      {"guidance_rescale", {"guidance-rescale"}},
      {"sampler", {"sampler_name"}},
      {"eta", {"ddim_eta"}},
      {"variance", {"variance_type"}},
      {"crop", {"crops_coords_top_left"}},
      {"resolution_binning", {"resolution-binning", "use_resolution_binning"}},
      {"negative_preset", {"negative-preset"}},
      {"clip_skip", {"clip-skip"}},
      {"prompt_2", {"prompt-2"}},
      {"max_sequence_length", {"max-sequence-length"}},
      {"skip_layers", {"skip-layers", "skip_guidance_layers"}},
      {"skip_layer_scale", {"skip_layer_guidance_scale"}},
      {"skip_layer_start", {"skip_layer_guidance_start"}},
      {"skip_layer_stop", {"skip_layer_guidance_stop"}},
      {"init_img", {"init-img", "init_image"}},
      {"strength", {"denoising_strength"}},
      {"count", {"n_samples", "n_iter"}},
      {"model", {"sd_model"}}};
  for (const auto& [name, others] : names) {
    for (const std::string& other : others) {
      EXPECT_EQ(parse_job_key(other), parse_job_key(name)) << other;
    }
  }
}

TEST(JobKeys, HaveOneMeaningEach) {
  std::set<std::string_view> names;
  for (const JobKey& key : job_keys()) {
    EXPECT_TRUE(names.insert(key.name).second) << key.name;
    for (const std::string_view other : key.other_names) {
      EXPECT_TRUE(names.insert(other).second) << other;
    }
    EXPECT_FALSE(key.help.empty() || key.takes.empty()) << key.name;
    EXPECT_EQ(&job_keys()[parse_job_key(key.name)], &key);
  }
}

TEST(JobKeys, SuggestTheNearest) {
  EXPECT_EQ(error_with("stpes", "3"),
            "expected a key such as prompt or steps, found 'stpes' (did you mean steps?)");
  EXPECT_THAT(error_with("Prompt", "3"), HasSubstr("(did you mean prompt?)"));
  EXPECT_THAT(error_with("negative prompt", "3"), HasSubstr("(did you mean negative_prompt?)"));
  EXPECT_THAT(error_with("cfgscale", "3"), HasSubstr("(did you mean cfg_scale?)"));
  EXPECT_EQ(error_with("artist", "3"), "expected a key such as prompt or steps, found 'artist'");
  EXPECT_EQ(error_with(std::string(100, 'x'), "3"),
            "expected a key such as prompt or steps, found '" + std::string(60, 'x') + "\u2026'");
}

TEST(JobKeys, NameWhatOnlyTheWebUiHas) {
  for (const std::string key :
       {"outpath_samples", "outpath_grids", "prompt_for_display", "styles", "subseed",
        "subseed_strength", "seed_resize_from_h", "seed_resize_from_w", "sampler_index",
        "batch_size", "restore_faces", "tiling", "do_not_save_samples", "do_not_save_grid"}) {
    EXPECT_THAT(error_with(key, "1"),
                testing::StartsWith(key + " is of AUTOMATIC1111's web UI and has no equal here"));
  }
  EXPECT_THAT(error_with("batch-size", "1"),
              HasSubstr("(count says how many images, --batch-size how many at once)"));
}

TEST(JobKeys, RefuseWhatIsOutsideTheirRange) {
  const std::map<std::string, std::vector<std::string>> values = {
      {"width", {"7", "16385", "64.0", "", " 64", "64px", "1e2", "-64", "99999999999999999999"}},
      {"height", {"0", "x"}},
      {"steps", {"0", "1001", "many"}},
      {"scale", {"-0.1", "1000.5", "nan", "inf", "7,5", ""}},
      {"guidance_rescale", {"-1", "1.01"}},
      {"sampler", {"", "dpm", "DPM++ 2M Karras"}},
      {"sigmas", {"", "none", "kerras"}},
      {"spacing", {"leadin"}},
      {"eta", {"1.1", "-0.1"}},
      {"seed", {"-2", "18446744073709551616", "1.5", ""}},
      {"clip_skip", {"-1", "32"}},
      {"max_sequence_length", {"0", "513", "77.0", "many"}},
      {"skip_layer_scale", {"inf", "nan", "-1000.5", "x"}},
      {"skip_layer_start", {"-0.1", "1.1"}},
      {"skip_layer_stop", {"-0.1", "1.1"}},
      {"resolution_binning", {"", "yes", "1", "on"}},
      {"rounded_times", {"", "no", "0"}},
      {"original_size",
       {"", "x", "1024", "1024x", "x768", "0x8", "8x0", "16385x8", "8x-8", "8 x 8", "8x8x8",
        "8*8"}},
      {"target_size", {"1024,768", "1e3x8", "8.0x8", "none"}},
      {"crop", {"", "0", "0,", ",0", "0,,0", "-1,0", "0,16385", "0,0,0", "0x0", "0.5,1", "none"}},
      {"rope_grid", {"", "comfy"}},
      {"variance", {"", "learned", "fixed"}},
      {"negative_preset", {"", "none", "hunyuandit"}},
      {"strength", {"1.01", "-0.01"}},
      {"count", {"0", "1000001", "-1"}}};
  for (const auto& [key, texts] : values) {
    for (const std::string& text : texts) {
      EXPECT_THAT(error_with(key, text), testing::AllOf(testing::StartsWith(key + " expects "),
                                                        HasSubstr(", found '" + text + "'")));
    }
  }
  EXPECT_EQ(error_with("ddim_steps", "many"),
            "ddim_steps expects a whole number from 1 to 1000, found 'many'");
  EXPECT_EQ(error_with("sigmas", "kerras"),
            "sigmas expects karras, exponential or beta, found 'kerras' (did you mean karras?)");
  EXPECT_EQ(error_with("model", ""),
            "model expects the name of a file or folder, found an empty text");
  EXPECT_EQ(error_with("init_img", "-"),
            "init_img expects the name of a file, found '-': a job cannot start from standard "
            "input");
}

TEST(JobKeys, QuoteAHostileValueInPart) {
  EXPECT_EQ(error_with("steps", "1\n2"),
            "steps expects a whole number from 1 to 1000, found '1\uFFFD2'");
  EXPECT_EQ(
      error_with("steps", std::string(100000, '1')),
      "steps expects a whole number from 1 to 1000, found '" + std::string(60, '1') + "\u2026'");
}

TEST(JobKeys, TakeNoTextThatIsNone) {
  using namespace std::string_literals;
  for (const std::string key : {"prompt", "negative_prompt", "prompt_2", "negative_prompt_3",
                                "init_img", "model", "output"}) {
    EXPECT_EQ(error_with(key, "a\0b"s), key + " expects text, found a NUL character in it");
    EXPECT_EQ(error_with(key, "a\xff"), key + " expects text in UTF-8, found bytes that are not");
  }
}

TEST(JobKeys, TakeASeedAwayWithMinusOne) {
  Job job;
  job.seed = 5;
  set_job_value(job, "seed", "-1");
  EXPECT_EQ(job.seed, std::nullopt);
}

TEST(JobKeys, StartFromOneThing) {
  Job job;
  set_job_value(job, "init_img", "a.png");
  set_job_value(job, "init_latents", "a.safetensors");
  EXPECT_EQ(job.init_image, "");
  set_job_value(job, "init_image", "b.png");
  EXPECT_EQ(job.init_image, "b.png");
  EXPECT_EQ(job.init_latents, "");
}

TEST(JobKeys, TakeJsonValuesOfTheirType) {
  Job job;
  set_job_json(job, "prompt", "a \u96ea");
  set_job_json(job, "steps", 20);
  set_job_json(job, "scale", 7);
  set_job_json(job, "eta", 0.5);
  set_job_json(job, "seed", std::numeric_limits<uint64_t>::max());
  set_job_json(job, "width", nullptr);
  EXPECT_EQ(job.request.prompt, "a \u96ea");
  EXPECT_EQ(job.request.steps, 20);
  EXPECT_EQ(job.request.scale, 7);
  EXPECT_EQ(job.request.eta, 0.5);
  EXPECT_EQ(job.seed, std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(job.request.width, std::nullopt);
  set_job_json(job, "seed", -1);
  EXPECT_EQ(job.seed, std::nullopt);

  EXPECT_EQ(json_error_with("steps", "20"),
            "steps expects a whole number from 1 to 1000, found \"20\"");
  EXPECT_EQ(json_error_with("steps", 20.5),
            "steps expects a whole number from 1 to 1000, found '20.5'");
  set_job_json(job, "rounded_times", true);
  set_job_json(job, "resolution_binning", false);
  EXPECT_TRUE(job.request.rounded_times);
  EXPECT_EQ(job.request.resolution_binning, false);
  set_job_json(job, "resolution_binning", nullptr);
  EXPECT_EQ(job.request.resolution_binning, false);
  EXPECT_EQ(json_error_with("rounded_times", "true"),
            "rounded_times expects true or false, found \"true\"");
  EXPECT_EQ(json_error_with("resolution_binning", 1),
            "resolution_binning expects true or false, found 1");
  EXPECT_EQ(json_error_with("prompt", false), "prompt expects a text, found false");
  EXPECT_EQ(json_error_with("steps", true),
            "steps expects a whole number from 1 to 1000, found true");
  EXPECT_EQ(json_error_with("prompt", 5), "prompt expects a text, found 5");
  EXPECT_EQ(json_error_with("prompt", {"a", "b"}), "prompt expects a text, found a list");
  EXPECT_EQ(json_error_with("prompt", nlohmann::json::parse("[[1]]")),
            "prompt expects a text, found a list of lists or objects");
  EXPECT_EQ(json_error_with("sigmas", nlohmann::json::object()),
            "sigmas expects karras, exponential or beta, found an object");
  EXPECT_THAT(json_error_with("width_", nullptr), HasSubstr("(did you mean width?)"));
}

TEST(CheckJob, FindsWhatCannotStandTogether) {
  Job job;
  EXPECT_NO_THROW(check_job(job));
  job.request.eta = 0.5;
  EXPECT_NO_THROW(check_job(job)) << "the model's own sampler may be ddim";
  job.request.sampler = "ddim";
  EXPECT_NO_THROW(check_job(job));
  job.request.sampler = "euler";
  expect_error([&] { check_job(job); }, ErrorKind::kUsage,
               "eta belongs to the sampler ddim, found euler");
  job.request.eta = 0;
  job.request.variance = "learned_range";
  expect_error([&] { check_job(job); }, ErrorKind::kUsage,
               "variance belongs to the sampler ddpm, found euler");
  job.request.sampler = "ddpm";
  EXPECT_NO_THROW(check_job(job));
  job.request.sampler = "";
  EXPECT_NO_THROW(check_job(job)) << "the model's own sampler may be ddpm";
  job.request.skip_layers = {.layers = {7}, .start = 0.5, .stop = 0.5};
  expect_error([&] { check_job(job); }, ErrorKind::kUsage,
               "skip_layer_start expects less than the skip_layer_stop of 0.5, found 0.5");
  job.request.skip_layers.layers.clear();
  job.seed = std::numeric_limits<uint64_t>::max() - 1;
  job.count = 2;
  EXPECT_NO_THROW(check_job(job));
  job.count = 3;
  expect_error([&] { check_job(job); }, ErrorKind::kUsage,
               "seed 18446744073709551614 is too large for 3 images: the last seed would pass "
               "18446744073709551615");
}

TEST(PrintJob, WritesWhatSaysSomething) {
  EXPECT_EQ(print_job({}), R"({"prompt":""})");
  Job job = with("prompt", "a \"red\"\n\u96ea");
  job.request.steps = 20;
  job.request.scale = 7.5;
  job.seed = 18446744073709551615U;
  EXPECT_EQ(print_job(job),
            "{\"prompt\":\"a \\\"red\\\"\\n\u96ea\",\"steps\":20,\"scale\":7.5,"
            "\"seed\":18446744073709551615}");
  job = with("init_img", "a.png");
  EXPECT_EQ(print_job(job), R"({"prompt":"","init_img":"a.png"})");
  job.request.skip_layers = {.layers = {7, 8}, .start = 0, .stop = 0.5};
  EXPECT_THAT(print_job(job),
              HasSubstr(R"("skip_layers":[7,8],"skip_layer_scale":2.8,"skip_layer_start":0.0,)"
                        R"("skip_layer_stop":0.5,)"));
  job.request.skip_layers = {.layers = {}, .scale = 5};
  EXPECT_THAT(print_job(job), testing::Not(HasSubstr("skip")));
  job.request.resolution_binning = false;
  job.request.original_size = {1024, 768};
  job.request.crop = {0, 16};
  job.request.rounded_times = true;
  EXPECT_THAT(print_job(job),
              HasSubstr(R"("resolution_binning":false,"original_size":"1024x768","crop":[0,16],)"
                        R"("rounded_times":true,)"));
  job.init_image = "\xff.png";
  EXPECT_THAT(print_job(job), HasSubstr("\"\uFFFD.png\""));
}

/// Any job that a job file can hold; half of its fields say nothing.
Job random_job(std::mt19937& random) {
  const auto below = [&](int count) {
    return std::uniform_int_distribution<int>(0, count - 1)(random);
  };
  const auto share = [&] { return std::uniform_real_distribution<double>(0, 1)(random); };
  const auto words = [&] {
    static const std::vector<std::string> kParts = {
        "a",  " ",      "\"",         "\\", "\n", "\r\n", "\t",     "{a|b}",  "[x:y]", "--steps 3",
        "\'", "\u96ea", "\U0001f600", ",",  "#",  "\x01", "\u2028", "\ufeff", "\x7f",  "null"};
    std::string text;
    for (int i = below(12); i > 0; --i) text += kParts[static_cast<size_t>(below(kParts.size()))];
    return text;
  };
  const auto path = [&] { return "/" + words(); };
  Job job;
  const std::vector<std::function<void()>> fields = {
      [&] { job.request.prompt = words(); },
      [&] { job.request.negative_prompt = words(); },
      [&] { job.request.prompt_2 = words(); },
      [&] { job.request.prompt_3 = words(); },
      [&] { job.request.negative_prompt_2 = words(); },
      [&] { job.request.negative_prompt_3 = words(); },
      [&] { job.request.max_sequence_length = 1 + below(512); },
      [&] {
        SkipLayerGuidance& skip = job.request.skip_layers;
        for (int layer = below(50); layer < 1000; layer += 1 + below(300)) {
          skip.layers.push_back(layer);
        }
        skip.scale = 2000 * share() - 1000;
        skip.start = share() / 2;
        skip.stop = 0.5 + share() / 2;
      },
      [&] { job.request.resolution_binning = below(2) == 0; },
      [&] {
        job.request.original_size = {1 + below(16384), 1 + below(16384)};
      },
      [&] {
        job.request.target_size = {1 + below(16384), 1 + below(16384)};
      },
      [&] {
        job.request.crop = {below(16385), below(16385)};
      },
      [&] { job.request.rope_grid = kRopeGrids[static_cast<size_t>(below(2))]; },
      [&] { job.request.rounded_times = true; },
      [&] { job.request.width = 8 + below(16377); },
      [&] { job.request.height = 8 + below(16377); },
      [&] { job.request.steps = 1 + below(1000); },
      [&] { job.request.scale = share() * 1000; },
      [&] { job.request.guidance_rescale = share(); },
      [&] { job.request.sampler = below(2) == 0 ? "ddim" : "dpmpp_2m"; },
      [&] { job.request.sigmas = "karras"; },
      [&] { job.request.spacing = below(2) == 0 ? "leading" : "trailing"; },
      [&] { job.request.eta = job.request.sampler == "dpmpp_2m" ? 0 : share(); },
      [&] {
        if (job.request.sampler.empty()) {
          job.request.variance = kVariances[static_cast<size_t>(below(4))];
        }
      },
      [&] { job.seed = std::uniform_int_distribution<uint64_t>()(random) / 2; },
      [&] { job.request.clip_skip = below(32); },
      [&] {
        (below(2) == 0 ? job.init_image : job.init_latents) = path();
        job.request.strength = share();
      },
      [&] { job.count = 1 + below(1000000); },
      [&] { job.model = "m" + words(); },
      [&] { job.output = "o" + words(); }};
  for (const auto& field : fields) {
    if (below(2) == 0) field();
  }
  return job;
}

TEST_F(JobFileTest, AJobThatIsPrintedAndReadIsTheSame) {
  std::mt19937 random(17);
  std::vector<Job> jobs;
  std::string text;
  for (int i = 0; i < 2000; ++i) {
    jobs.push_back(random_job(random));
    text += print_job(jobs.back()) + "\n";
  }
  for (const char* name : {"jobs.jsonl", "jobs.json"}) {
    const JobsRead found = read(name, text);
    ASSERT_THAT(found.errors, testing::IsEmpty());
    ASSERT_EQ(found.jobs.size(), jobs.size());
    for (size_t i = 0; i < jobs.size() && !HasFailure(); ++i) {
      SCOPED_TRACE(print_job(jobs[i]));
      expect_same_job(found.jobs[i], jobs[i]);
      EXPECT_EQ(print_job(found.jobs[i]), print_job(jobs[i]));
    }
  }
}

}  // namespace
}  // namespace sd
