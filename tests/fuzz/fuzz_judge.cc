// SPDX-License-Identifier: Apache-2.0
// Bad events in any order and with any numbers, as a store may give them back: the judge counts
// each key once, decides at most once, and the same events bring it to the same bits.
#include <bit>
#include <cmath>
#include <set>
#include <utility>
#include <vector>

#include "fuzz_input.h"
#include "judging/judge.h"

namespace penstock::fuzzing {
namespace {

using judging::BadEvent;
using judging::Guardrail;
using judging::Judge;

constexpr Guardrail kGuardrails[] = {Guardrail::kErrors, Guardrail::kLatency};

judging::JudgeOptions options(Input& input) {
  judging::JudgeOptions options;
  options.alpha = input.below(2) == 0 ? 0.01 : 1e-9;
  options.tolerance = static_cast<double>(input.below(8)) / 4;
  options.weights = {input.below(2) == 0 ? 1.0 : 0.5, input.below(2) == 0 ? 0.0 : 0.5};
  options.keys_max = 1 + input.u8();
  options.first_failures = static_cast<std::uint32_t>(input.below(5));
  options.breaks_on_non_finite = input.below(4) == 0;
  return options;
}

BadEvent event(Input& input) {
  const std::uint8_t bits = input.u8();
  const bool is_odd = bits >> 6 == 3;  // numbers that no trial has
  return {.wall_ms = input.u8(),
          .guardrail = kGuardrails[bits & 1],
          .kind = static_cast<judging::BadKind>(bits >> 1 & 3),
          .is_canary = (bits >> 3 & 1) != 0,
          .canary_bp = is_odd ? input.u32() : input.u16() % 10'000U,
          .both_bp = is_odd ? input.u32() : 10'000,
          .key_hash = input.below(16) == 0 ? input.u8() : std::uint64_t{input.u32()} << 20,
          .canary_good = bits >> 4 & 1U,
          .baseline_good = input.u8()};
}

void run(Input input) {
  const judging::JudgeOptions options = fuzzing::options(input);
  Judge judge(options);
  std::vector<BadEvent> events;
  std::set<std::pair<Guardrail, std::uint64_t>> keys;
  while (!input.is_empty()) {
    events.push_back(event(input));
    const bool was_over = judge.verdict().has_value();
    const auto taken = judge.take(events.back());
    PENSTOCK_CHECK(!was_over || (!taken.counts && !taken.verdict));
    PENSTOCK_CHECK(taken.verdict.has_value() == (!was_over && judge.verdict().has_value()));
    if (!was_over) {
      const bool is_new = keys.insert({events.back().guardrail, events.back().key_hash}).second;
      PENSTOCK_CHECK(!taken.counts || is_new);
      PENSTOCK_CHECK(taken.counts || !is_new || taken.verdict);
    }
  }
  Judge again(options);
  for (const BadEvent& one : events) again.take(one);
  PENSTOCK_CHECK(again.verdict() == judge.verdict());
  for (const Guardrail guardrail : kGuardrails) {
    PENSTOCK_CHECK(std::isfinite(judge.log_e(guardrail)));
    PENSTOCK_CHECK(std::bit_cast<std::uint64_t>(again.log_e(guardrail)) ==
                   std::bit_cast<std::uint64_t>(judge.log_e(guardrail)));
    PENSTOCK_CHECK(judge.counted(guardrail) <= options.keys_max);
  }
}

}  // namespace
}  // namespace penstock::fuzzing

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  penstock::fuzzing::run({bytes, size});
  return 0;
}
