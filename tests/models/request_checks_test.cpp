#include "models/request_checks.h"

#include <functional>
#include <gtest/gtest.h>
#include <limits>
#include <string>

#include "tests/support/errors.h"

namespace sd {
namespace {

using Change = std::function<void(Request&)>;

constexpr ModelFeatures kPlain;
constexpr ModelFeatures kTwoPrompts = {.prompts = 2};
constexpr ModelFeatures kAll = {
    .prompts = 3, .t5 = T5Support::kOptional, .most_tokens = 256, .blocks = 24};
constexpr ModelFeatures kWithoutT5 = {
    .prompts = 3, .t5 = T5Support::kOptional, .lacks_t5 = true, .most_tokens = 256, .blocks = 24};
constexpr ModelFeatures kFixedT5 = {.t5 = T5Support::kNeeded};

Request changed(const Change& change) {
  Request request;
  change(request);
  return request;
}

/// What is said of a request; empty where it is taken.
std::string judged(const ModelFeatures& features, const Change& change) {
  try {
    check_features(changed(change), features);
    return "";
  } catch (const Error&) {
    return error_of([&] { check_features(changed(change), features); }, ErrorKind::kUsage);
  }
}

std::string judged_load(const ModelFeatures& features, bool no_t5, const std::string& t5_dtype) {
  LoadOptions options;
  options.no_t5 = no_t5;
  options.t5_dtype = t5_dtype;
  try {
    check_features(options, features);
    return "";
  } catch (const Error&) {
    return error_of([&] { check_features(options, features); }, ErrorKind::kUsage);
  }
}

const Change kPrompt2 = [](Request& request) { request.prompt_2 = "a"; };
const Change kPrompt3 = [](Request& request) { request.prompt_3 = "a"; };
const Change kNegative2 = [](Request& request) { request.negative_prompt_2 = "a"; };
const Change kNegative3 = [](Request& request) { request.negative_prompt_3 = "a"; };
const Change kTokens = [](Request& request) { request.max_sequence_length = 77; };
const Change kLayers = [](Request& request) { request.skip_layers.layers = {0, 23}; };

TEST(RequestChecks, EveryModelTakesWhatSaysNothing) {
  for (const ModelFeatures& features : {kPlain, kTwoPrompts, kAll, kWithoutT5, kFixedT5}) {
    EXPECT_EQ(judged(features, [](Request&) {}), "");
    EXPECT_EQ(judged_load(features, false, ""), "");
  }
  // Scale and range of a guidance that is not there change nothing.
  EXPECT_EQ(judged(kPlain, [](Request& request) { request.skip_layers.scale = 9; }), "");
}

TEST(RequestChecks, AModelOfOneTextEncoderTakesOnePrompt) {
  EXPECT_EQ(judged(kPlain, kPrompt2), "--prompt-2: this model has one text encoder");
  EXPECT_EQ(judged(kPlain, kPrompt3), "--prompt-3: this model has one text encoder");
  EXPECT_EQ(judged(kPlain, kNegative2), "--negative-prompt-2: this model has one text encoder");
  EXPECT_EQ(judged(kPlain, kNegative3), "--negative-prompt-3: this model has one text encoder");
  EXPECT_EQ(judged(kTwoPrompts, kPrompt2), "");
  EXPECT_EQ(judged(kTwoPrompts, kNegative2), "");
  EXPECT_EQ(judged(kTwoPrompts, kPrompt3),
            "--prompt-3: this model has two text encoders with prompts");
  EXPECT_EQ(judged(kTwoPrompts, kNegative3),
            "--negative-prompt-3: this model has two text encoders with prompts");
}

TEST(RequestChecks, AModelOfThreeTakesAll) {
  for (const Change& change : {kPrompt2, kPrompt3, kNegative2, kNegative3, kTokens, kLayers}) {
    EXPECT_EQ(judged(kAll, change), "");
  }
  EXPECT_EQ(judged_load(kAll, true, ""), "");
  EXPECT_EQ(judged_load(kAll, false, "bf16"), "");
}

TEST(RequestChecks, TextEncodersMayShareTheirPrompt) {
  EXPECT_EQ(judged(kFixedT5, kPrompt2),
            "--prompt-2: all text encoders of this model read the same prompt");
  EXPECT_EQ(judged(kFixedT5, kNegative3),
            "--negative-prompt-3: all text encoders of this model read the same prompt");
}

TEST(RequestChecks, WhatBelongsToT5NeedsIt) {
  EXPECT_EQ(judged(kPlain, kTokens), "--max-sequence-length: this model has no T5 text encoder");
  EXPECT_EQ(judged(kWithoutT5, kTokens), "") << "so many zeros stand in its place";
  EXPECT_EQ(judged(kWithoutT5, kPrompt3),
            "--prompt-3: it belongs to the T5 text encoder, which is left out");
  EXPECT_EQ(judged(kWithoutT5, kNegative3),
            "--negative-prompt-3: it belongs to the T5 text encoder, which is left out");
  EXPECT_EQ(judged(kWithoutT5, kPrompt2), "");
  EXPECT_EQ(judged_load(kPlain, true, ""), "--no-t5: this model has no T5 text encoder");
  EXPECT_EQ(judged_load(kFixedT5, true, ""),
            "--no-t5: this model cannot do without its T5 text encoder");
  EXPECT_EQ(judged_load(kWithoutT5, true, ""), "");
  EXPECT_EQ(judged_load(kPlain, false, "fp32"), "--t5-dtype: this model has no T5 text encoder");
  EXPECT_EQ(judged_load(kFixedT5, false, "fp32"), "");
  EXPECT_EQ(judged_load(kWithoutT5, false, "fp32"), "--t5-dtype: the T5 text encoder is left out");
  EXPECT_EQ(judged_load(kAll, true, "fp32"), "--t5-dtype: the T5 text encoder is left out");
}

TEST(RequestChecks, TheNumberOfTokensHasARange) {
  const auto of = [](const ModelFeatures& features, int tokens) {
    return judged(features, [=](Request& request) { request.max_sequence_length = tokens; });
  };
  EXPECT_EQ(of(kAll, 1), "");
  EXPECT_EQ(of(kAll, 256), "");
  EXPECT_EQ(of(kAll, 0), "--max-sequence-length: expected a whole number from 1 to 256, found 0");
  EXPECT_EQ(of(kAll, 257),
            "--max-sequence-length: expected a whole number from 1 to 256, found 257");
  EXPECT_EQ(of(kFixedT5, 77),
            "--max-sequence-length: the T5 text encoder of this model takes one number of tokens");
}

TEST(RequestChecks, SkippedLayersAreBlocksOfTheModel) {
  const auto of = [](const SkipLayerGuidance& skip) {
    return judged(kAll, [&](Request& request) { request.skip_layers = skip; });
  };
  EXPECT_EQ(judged(kPlain, kLayers), "--skip-layers: this model has no skip-layer guidance");
  EXPECT_EQ(of({.layers = {24}}),
            "--skip-layers: expected numbers from 0 to 23 for this model, found 24");
  EXPECT_EQ(of({.layers = {3, -1}}),
            "--skip-layers: expected numbers from 0 to 23 for this model, found -1");
  EXPECT_EQ(of({.layers = {3}, .scale = -5, .start = 0, .stop = 1}), "");
  EXPECT_EQ(of({.layers = {3}, .scale = std::numeric_limits<double>::infinity()}),
            "--skip-layer-scale: expected a finite number, found inf");
  EXPECT_EQ(of({.layers = {3}, .start = -0.5}),
            "--skip-layer-start: expected a number from 0 to 1, found -0.5");
  EXPECT_EQ(of({.layers = {3}, .stop = std::numeric_limits<double>::quiet_NaN()}),
            "--skip-layer-stop: expected a number from 0 to 1, found nan");
}

const Change kOriginalSize = [](Request& request) { request.original_size = {640, 480}; };
const Change kTargetSize = [](Request& request) { request.target_size = {640, 480}; };
const Change kCrop = [](Request& request) { request.crop = {10, 0}; };
const Change kRope = [](Request& request) { request.rope_grid = "original"; };
const Change kRounded = [](Request& request) { request.rounded_times = true; };
const Change kBinning = [](Request& request) { request.resolution_binning = true; };

TEST(RequestChecks, SizesAreForModelsThatAreToldOfThem) {
  const ModelFeatures told{.has_sizes = true};
  for (const Change& change : {kOriginalSize, kTargetSize, kCrop})
    EXPECT_EQ(judged(told, change), "");
  const std::string sentence = ": the network of this model is not told of sizes";
  EXPECT_EQ(judged(kPlain, kOriginalSize), "--original-size" + sentence);
  EXPECT_EQ(judged(kPlain, kTargetSize), "--target-size" + sentence);
  EXPECT_EQ(judged(kPlain, kCrop), "--crop" + sentence);
  EXPECT_EQ(judged(told,
                   [](Request& request) {
                     request.target_size = {640, 0};
                   }),
            "--target-size: expected a width and a height above 0, found 640x0");
  EXPECT_EQ(judged(told,
                   [](Request& request) {
                     request.crop = {3, -1};
                   }),
            "--crop: expected two whole numbers from 0, found 3,-1");
}

TEST(RequestChecks, RotaryPositionsAndBinningAreForModelsThatHaveThem) {
  const ModelFeatures own{.has_rope = true, .has_binning = true};
  for (const Change& change : {kRope, kRounded, kBinning}) EXPECT_EQ(judged(own, change), "");
  EXPECT_EQ(judged(kPlain, kRope), "--rope-grid: this model has no rotary positions");
  EXPECT_EQ(judged(kPlain, kRounded),
            "--rounded-times: diffusers does not round the times of this model");
  EXPECT_EQ(judged(kPlain, kBinning), "--resolution-binning: this model has no list of sizes");
  EXPECT_EQ(judged(kPlain, [](Request& request) { request.resolution_binning = false; }), "");
  EXPECT_EQ(judged(kPlain, [](Request& request) { request.rope_grid = "diffusers"; }), "");
  EXPECT_EQ(judged(own, [](Request& request) { request.rope_grid = "old"; }),
            "--rope-grid: expected diffusers or original, found 'old'");
}

}  // namespace
}  // namespace sd
