// SPDX-License-Identifier: Apache-2.0
// Times the pieces of routing and judging that a request, or a bad event, pays for.
//
//   picker [CASE]
//
// Prints a line per case, or for those with CASE in their name: name, a tab, the best of many
// trials in ns and, after another tab, the median. Checks first that keys get the buckets that they
// should.

#include "routing/picker.h"

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/key_set.h"
#include "base/published.h"
#include "base/sha256.h"
#include "golden/assignment.h"
#include "judging/judge.h"
#include "routing/forced_arm.h"
#include "routing_routes.h"
#include "serving/route_table.h"
#include "timing.h"

// The tests' harness asks for it; here nothing goes on after a failure.
void penstock::testing::fail(const char* file, int line, const std::string& what) {
  std::fprintf(stderr, "%s:%d: %s\n", file, line, what.c_str());
  std::exit(1);
}

namespace {

using namespace penstock;

constexpr std::uint64_t kSalt = 7;
constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15;

std::string_view only;            // the cases that are asked for
volatile std::uint64_t sink = 0;  // so that no answer is left out for being unused

// Times `work`, which gives a number that depends on all that it did.
template <class Work>
void time_case(std::string_view name, Work work) {
  if (name.find(only) == std::string_view::npos) return;
  std::uint64_t sum = 0;
  const auto timing = kernels_bench::time_calls([&] { sum += work(); });
  sink = sum;
  std::printf("%.*s\t%.2f\t%.2f\n", static_cast<int>(name.size()), name.data(), timing.best_ns,
              timing.median_ns);
  std::fflush(stdout);
}

// Keys of one length, in turn, as many as a cache holds.
class Keys {
 public:
  explicit Keys(std::size_t bytes) {
    for (std::size_t i = 0; i < kCount; ++i) {
      texts_[i] = std::to_string(i * kOdd);
      texts_[i].resize(bytes, 'k');
      keys_[i] = texts_[i];
    }
  }
  std::string_view next() { return keys_[at_++ % kCount]; }

 private:
  static constexpr std::size_t kCount = 256;
  std::array<std::string, kCount> texts_;
  std::array<std::string_view, kCount> keys_;
  std::size_t at_ = 0;
};

void check_assignment() {
  for (const golden::Assignment& wanted : golden::kAssignments) {
    std::string key;
    for (std::size_t i = 0; i < wanted.key_bytes; ++i) key += static_cast<char>('a' + i % 26);
    if (routing::bucket_of(routing::hash_key(wanted.salt, key)) == wanted.bucket) continue;
    testing::fail(__FILE__, __LINE__, "a key is in the wrong bucket");
  }
}

void time_assignment() {
  Keys none(12);
  time_case("taking a key, which all below do", [&] { return none.next().size(); });
  for (const std::size_t bytes : {12U, 36U, 100U, 240U, 1000U}) {
    Keys keys(bytes);
    time_case("bucket of a key of " + std::to_string(bytes) + " bytes",
              [&] { return routing::bucket_of(routing::hash_key(kSalt, keys.next())); });
  }
  Keys keys(36);
  time_case("bucket of a key of 36 bytes by SHA-256", [&] {
    std::uint64_t hash = 0;
    const base::Digest digest = base::sha256(keys.next());
    std::memcpy(&hash, digest.data(), sizeof hash);
    return routing::bucket_of(hash);
  });
}

void time_picks(std::string_view name, const routing::RouteSpec& spec, std::size_t bytes = 36) {
  const routing::Route route = testing::made(spec);
  Keys keys(bytes);
  time_case(name, [&] { return routing::pick(route, {.key = keys.next()}, false).arm; });
}

void time_routes() {
  routing::RouteSpec spec = testing::rollout_route(500, kSalt);
  time_picks("pick in a rollout, key of 12 bytes", spec, 12);
  time_picks("pick in a rollout, key of 36 bytes", spec);
  spec.holdout = {.share_bp = 100, .salt = 3};
  time_picks("pick in a rollout with a holdout", spec);
  spec.holdout = {};
  for (std::size_t i = 0; i < routing::kOverridesMax; ++i) {
    spec.overrides.push_back({.key = base::sha256("override " + std::to_string(i)), .arm = 0});
  }
  time_picks("pick in a rollout with 10000 overrides", spec);
  routing::RouteSpec many;
  many.name = "m";
  for (std::size_t arm = 0; arm < routing::kArmsMax; ++arm) {
    many.arms.push_back(testing::make_arm("a" + std::to_string(arm), {}));
  }
  constexpr std::uint32_t kEach = routing::kBucketCount / routing::kIntervalsMax;
  for (std::uint32_t i = 0; i < routing::kIntervalsMax; ++i) {
    const bool is_last = i + 1 == routing::kIntervalsMax;
    many.arms[i % routing::kArmsMax].intervals.push_back(
        {i * kEach, is_last ? routing::kBucketCount : (i + 1) * kEach});
  }
  time_picks("pick among 1024 intervals of 16 arms", many);
  const routing::Shadow shadow{.name = "s", .model = "m", .sample_bp = 1000, .salt = 5};
  std::uint64_t nonce = 0;
  time_case("whether a request is mirrored",
            [&] { return routing::is_mirrored(shadow, kSalt, ++nonce); });
}

void time_forced_arm() {
  const std::vector<std::string> keys = {"a secret of some length"};
  const std::string header = "canary;1800000060;" + std::string(64, 'a');  // signed by nobody
  time_case("refusing a forced arm",
            [&] { return routing::read_forced_arm(header, "m", keys, 1'800'000'000).has_value(); });
}

void time_bad_events() {
  judging::JudgeOptions options;
  options.keys_max = std::size_t{1} << 26;
  judging::Judge judge(options);
  std::uint64_t number = 0;
  const auto event = [&](std::uint64_t key) {  // one of three is the canary's, of 50 %
    return judging::BadEvent{.is_canary = number % 3 == 0,
                             .canary_bp = 5000,
                             .both_bp = 10'000,
                             .key_hash = key,
                             .canary_good = 1,
                             .baseline_good = 1};
  };
  time_case("bad event of a new key", [&] {
    ++number;
    return judge.take(event(number * kOdd)).counts;
  });
  time_case("bad event of a key that failed before", [&] {
    ++number;
    return judge.take(event(number % 1000 * kOdd)).counts;
  });
}

void time_key_set() {
  base::KeySet set(std::size_t{1} << 20);
  for (std::uint64_t key = 1; key <= 1'000'000; ++key) set.add(key * kOdd);
  std::uint64_t number = 0;
  time_case("key seen before among a million", [&] {
    number += 7919;  // neighbours in the set lie far apart in memory anyway
    return static_cast<unsigned>(set.add((number % 1'000'000 + 1) * kOdd));
  });
}

// What every request of a server pays that has no route: two looks at the table, as its headers
// arrive and as it is read.
void time_no_routes() {
  base::Published<serving::RouteTable> routes(2);
  routes.publish(std::make_shared<const serving::RouteTable>());
  time_case("a request of a server without routes", [&] {
    unsigned found = routes.look(0).headers().empty() ? 0 : 1;
    asm volatile("" ::: "memory");  // much else happens in between
    found += routes.look(0).is_empty() ? 0 : 1;
    return found;
  });
}

}  // namespace

int main(int count, char** arguments) {
  if (count > 1) only = arguments[1];
  check_assignment();
  time_assignment();
  time_routes();
  time_forced_arm();
  time_bad_events();
  time_key_set();
  time_no_routes();
}
