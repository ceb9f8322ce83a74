#include "text/unigram.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace sd {
namespace {

/// The best way up to a place in a word.
template <typename Score>
struct Step {
  static constexpr size_t kNowhere = static_cast<size_t>(-1);

  Score score = 0;
  size_t from = kNowhere;
  int32_t id = 0;
};

/// Bytes of the character that begins with that byte of valid UTF-8.
size_t character_length(char first) {
  const auto byte = static_cast<uint8_t>(first);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

}  // namespace

Unigram::Unigram(UnigramParts parts) : parts_(std::move(parts)) {
  ids_.reserve(parts_.pieces.size());
  for (size_t id = 0; id < parts_.pieces.size(); ++id) {
    const std::string& text = parts_.pieces[id].text;
    ids_[text] = static_cast<int32_t>(id);
    longest_ = std::max(longest_, text.size());
  }
}

int32_t Unigram::find(std::string_view piece) const {
  const auto found = ids_.find(piece);
  return found == ids_.end() ? kNone : found->second;
}

template <typename Score>
std::vector<std::string_view> Unigram::best_way(std::string_view word) const {
  std::vector<Step<Score>> best(word.size() + 1);
  for (size_t begin = 0; begin < word.size();) {
    const size_t one = character_length(word[begin]);
    bool has_one = false;
    const auto reach = [&](size_t length, double score, int32_t id) {
      Step<Score>& step = best[begin + length];
      const Score sum = static_cast<Score>(score) + best[begin].score;
      if (step.from == Step<Score>::kNowhere || sum > step.score) step = {sum, begin, id};
    };
    const size_t most = std::min(longest_, word.size() - begin);
    for (size_t length = one; length <= most;) {
      const int32_t id = find(word.substr(begin, length));
      if (id != kNone && parts_.pieces[id].matches) {
        reach(length, parts_.pieces[id].score, id);
        has_one = has_one || length == one;
      }
      if (begin + length == word.size()) break;
      length += character_length(word[begin + length]);
    }
    if (!has_one) reach(one, parts_.unk_score, parts_.unk_id);
    begin += one;
  }
  std::vector<std::string_view> way;
  bool in_unknown = false;
  for (size_t end = word.size(); end > 0;) {
    const Step<Score>& step = best[end];
    const std::string_view piece = word.substr(step.from, end - step.from);
    const bool unknown = step.id == parts_.unk_id;
    if (unknown && in_unknown) {
      way.back() = {piece.data(), piece.size() + way.back().size()};
    } else {
      way.push_back(piece);
    }
    in_unknown = unknown;
    end = step.from;
  }
  return way;
}

std::vector<std::string> Unigram::tokens(std::string_view word) const {
  const bool wide = parts_.sums == UnigramParts::Sums::kFloat64;
  const auto way = wide ? best_way<double>(word) : best_way<float>(word);
  std::vector<std::string> tokens;
  for (auto piece = way.rbegin(); piece != way.rend(); ++piece) {
    if (parts_.fallback == ByteFallback::kYes && find(*piece) == kNone) {
      append_bytes(*piece, tokens);
    } else {
      tokens.emplace_back(*piece);
    }
  }
  return tokens;
}

/// The bytes of an unknown piece, or the piece where a byte has none.
void Unigram::append_bytes(std::string_view piece, std::vector<std::string>& tokens) const {
  const size_t before = tokens.size();
  for (const char c : piece) {
    std::array<char, 8> name{};
    std::snprintf(name.data(), name.size(), "<0x%02X>", static_cast<uint8_t>(c));
    if (find(name.data()) == kNone) {
      tokens.resize(before);
      tokens.emplace_back(piece);
      return;
    }
    tokens.emplace_back(name.data());
  }
}

void Unigram::encode(std::string_view word, std::vector<int64_t>& ids) const {
  for (const std::string& token : tokens(word)) {
    const int32_t id = find(token);
    ids.push_back(id == kNone ? parts_.unk_id : id);
  }
}

}  // namespace sd
