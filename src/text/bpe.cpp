#include "text/bpe.h"

#include <bit>
#include <functional>
#include <queue>

#include "text/unicode.h"

namespace sd {
namespace {

constexpr std::string_view kWordEnd = "</w>";
constexpr char32_t kFirstStandIn = 0x100;

struct ByteSymbols {
  std::array<char32_t, 256> symbol;
  std::array<uint8_t, 256> stood_in{};  // byte of kFirstStandIn + i
  size_t stand_ins = 0;

  constexpr ByteSymbols() : symbol{} {
    for (int byte = 0; byte < 256; ++byte) {
      const bool itself =
          (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
      if (!itself) stood_in[stand_ins] = static_cast<uint8_t>(byte);
      symbol[byte] = itself ? byte : kFirstStandIn + stand_ins++;
    }
  }
};

constexpr ByteSymbols kByteSymbols;

size_t slots_for(size_t count) { return std::bit_ceil(count * 2 + 16); }

}  // namespace

char32_t byte_symbol(uint8_t byte) { return kByteSymbols.symbol[byte]; }

std::optional<uint8_t> byte_of_symbol(char32_t symbol) {
  if (symbol < kFirstStandIn) {
    if (kByteSymbols.symbol[symbol] == symbol) return static_cast<uint8_t>(symbol);
  } else if (symbol - kFirstStandIn < kByteSymbols.stand_ins) {
    return kByteSymbols.stood_in[symbol - kFirstStandIn];
  }
  return std::nullopt;
}

void Vocabulary::reserve(size_t count) {
  entries_.reserve(count);
  by_id_.reserve(count);
  bytes_.reserve(count * 8);
  if (slots_for(count) > slots_.size()) rehash(slots_for(count));
}

void Vocabulary::rehash(size_t slots) {
  slots_.assign(slots, 0);
  for (uint32_t i = 0; i < entries_.size(); ++i) slots_[slot_of(text(entries_[i]))] = i + 1;
}

/// The slot that holds `token`, or the free one where it belongs.
size_t Vocabulary::slot_of(std::string_view token) const {
  const size_t mask = slots_.size() - 1;
  size_t slot = std::hash<std::string_view>{}(token)&mask;
  while (slots_[slot] != 0 && text(entries_[slots_[slot] - 1]) != token) slot = (slot + 1) & mask;
  return slot;
}

Vocabulary::Inserted Vocabulary::insert(std::string_view token, int32_t id) {
  if (slots_for(entries_.size() + 1) > slots_.size()) rehash(slots_for(entries_.size() + 1));
  const size_t slot = slot_of(token);
  if (slots_[slot] != 0) return Inserted::kTokenThere;
  const auto index = static_cast<size_t>(id);
  if (index >= by_id_.size()) by_id_.resize(index + 1, 0);
  if (by_id_[index] != 0) return Inserted::kIdThere;
  entries_.push_back(
      {static_cast<uint32_t>(bytes_.size()), static_cast<uint32_t>(token.size()), id});
  bytes_ += token;
  slots_[slot] = by_id_[index] = static_cast<uint32_t>(entries_.size());
  return Inserted::kYes;
}

std::optional<int32_t> Vocabulary::find(std::string_view token) const {
  if (slots_.empty()) return std::nullopt;
  const uint32_t found = slots_[slot_of(token)];
  if (found == 0) return std::nullopt;
  return entries_[found - 1].id;
}

std::optional<std::string_view> Vocabulary::token(int64_t id) const {
  if (id < 0 || id >= static_cast<int64_t>(by_id_.size()) || by_id_[id] == 0) return std::nullopt;
  return text(entries_[by_id_[id] - 1]);
}

Bpe::Bpe(const Vocabulary& vocabulary, size_t merge_count) {
  for (int byte = 0; byte < 256; ++byte) {
    std::string symbol;
    append_utf8(symbol, byte_symbol(static_cast<uint8_t>(byte)));
    inner_[byte] = vocabulary.find(symbol).value_or(kUnknown);
    symbol += kWordEnd;
    last_[byte] = vocabulary.find(symbol).value_or(kUnknown);
  }
  rehash(slots_for(merge_count));
}

void Bpe::rehash(size_t slots) {
  std::vector<Merge> old(slots);
  old.swap(slots_);
  for (const Merge& merge : old) {
    if (merge.rank >= 0) slots_[slot_of(merge.pair)] = merge;
  }
}

size_t Bpe::slot_of(uint64_t pair) const {
  constexpr uint64_t kGoldenRatio = 0x9E3779B97F4A7C15;  // Fibonacci hashing (Knuth, TAOCP 6.4)
  const size_t mask = slots_.size() - 1;
  size_t slot = (pair * kGoldenRatio) >> 32 & mask;
  while (slots_[slot].rank >= 0 && slots_[slot].pair != pair) slot = (slot + 1) & mask;
  return slot;
}

const Bpe::Merge* Bpe::find(int32_t left, int32_t right) const {
  if (left < 0 || right < 0) return nullptr;
  const Merge& merge = slots_[slot_of(pair_key(left, right))];
  return merge.rank < 0 ? nullptr : &merge;
}

void Bpe::add_merge(int32_t left, int32_t right, int32_t merged) {
  if (slots_for(used_ + 1) > slots_.size()) rehash(slots_for(used_ + 1));
  const uint64_t pair = pair_key(left, right);
  Merge& merge = slots_[slot_of(pair)];
  if (merge.rank < 0) ++used_;
  merge = {pair, next_rank_++, merged};
}

/// One word while it is merged: a linked list of symbols and a queue of pairs, best first.
class WordMerger {
 public:
  WordMerger(const Bpe& bpe, MergeOrder order, std::vector<int32_t> ids)
      : bpe_(bpe), order_(order), symbols_(ids.size()) {
    const auto count = static_cast<int32_t>(ids.size());
    for (int32_t i = 0; i < count; ++i)
      symbols_[i] = {ids[i], i - 1, i + 1 < count ? i + 1 : kNone};
    for (int32_t i = 0; i + 1 < count; ++i) push(i);
  }

  void run() {
    while (!queue_.empty()) {
      const int32_t rank = queue_.top().rank;
      changed_.clear();
      do {
        merge(queue_.top());
        queue_.pop();
      } while (order_ == MergeOrder::kAllPlaces && !queue_.empty() && queue_.top().rank == rank);
      for (const int32_t place : changed_) {
        if (symbols_[place].id == kGone) continue;
        if (symbols_[place].previous != kNone) push(symbols_[place].previous);
        push(place);
      }
    }
  }

  void append_to(std::vector<int32_t>& ids) const {
    for (int32_t i = 0; i != kNone; i = symbols_[i].next) ids.push_back(symbols_[i].id);
  }

 private:
  static constexpr int32_t kNone = -1;
  static constexpr int32_t kGone = -2;  // the id of a symbol that its left neighbour took in

  struct Symbol {
    int32_t id, previous, next;
  };

  /// A pair that starts at `place`; `merged` is what it becomes.
  struct Candidate {
    int32_t rank, place, merged;
    bool operator<(const Candidate& other) const {  // the best is the greatest
      return rank != other.rank ? rank > other.rank : place > other.place;
    }
  };

  const Bpe::Merge* merge_at(int32_t place) const {
    const Symbol& symbol = symbols_[place];
    if (symbol.id == kGone || symbol.next == kNone) return nullptr;
    return bpe_.find(symbol.id, symbols_[symbol.next].id);
  }

  void push(int32_t place) {
    if (const auto* merge = merge_at(place)) queue_.push({merge->rank, place, merge->merged});
  }

  void merge(const Candidate& candidate) {
    const auto* now = merge_at(candidate.place);
    if (now == nullptr) return;
    const bool stands = order_ == MergeOrder::kAllPlaces ? now->rank == candidate.rank
                                                         : now->merged == candidate.merged;
    if (!stands) return;
    Symbol& left = symbols_[candidate.place];
    Symbol& right = symbols_[left.next];
    left.id = now->merged;
    right.id = kGone;
    left.next = right.next;
    if (left.next != kNone) symbols_[left.next].previous = candidate.place;
    changed_.push_back(candidate.place);
  }

  const Bpe& bpe_;
  MergeOrder order_;
  std::vector<Symbol> symbols_;
  std::priority_queue<Candidate> queue_;
  std::vector<int32_t> changed_;  // where this round merged
};

void Bpe::encode(std::string_view word, MergeOrder order, std::vector<int32_t>& ids) const {
  if (word.empty()) return;
  std::vector<int32_t> symbols(word.size());
  for (size_t i = 0; i + 1 < word.size(); ++i) symbols[i] = inner_[static_cast<uint8_t>(word[i])];
  symbols.back() = last_[static_cast<uint8_t>(word.back())];
  WordMerger merger(*this, order, std::move(symbols));
  merger.run();
  merger.append_to(ids);
}

}  // namespace sd
