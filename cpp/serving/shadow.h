// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/monitor.h"
#include "batching/ticket.h"
#include "judging/agreement.h"
#include "judging/slices.h"
#include "serving/mirror.h"
#include "serving/shadow_examples.h"
#include "telemetry/counter.h"

namespace penstock::serving {

// What a shadow is, and what of it is kept.
struct ShadowOptions {
  std::string name = {};
  std::string model = {};    // whose version is sent copies
  std::string version = {};  // a number; empty: the highest that is loaded
  judging::Tolerance tolerance = {};
  ExampleOptions examples = {};
  // Names of inputs and outputs whose values are neither kept in examples nor told as bounds of
  // slices.
  std::vector<std::string> sensitive = {};
};

// Why a copy was never executed.
enum class ShadowDrop : std::uint8_t {
  kFull,      // as many copies of the io thread are under way as may be
  kBytes,     // they hold as many bytes as they may
  kBackedUp,  // the primary's own queue is: there is nothing to spare
  kBusy,      // as many wait for this shadow as may
  kMissing,   // its version is not loaded
  kUnfit,     // its version does not take the request's inputs
  kRefused,   // its version's queue did not take it, or gave it up
};
inline constexpr std::size_t kShadowDropCount = 7;
std::string_view name_of(ShadowDrop reason);  // "full", "bytes", "backed_up", ...

// How long the shadow's executor took over how long the primary's did, by quarters of a power of
// two: bucket k is [2^((k-32)/4), 2^((k-31)/4)), the first with all that is less, the last with all
// that is more.
inline constexpr std::size_t kLatencyRatioBuckets = 64;
std::size_t latency_ratio_bucket(base::Nanos shadow_ns, base::Nanos primary_ns);

struct ShadowOutput {
  std::string name;
  judging::OutputAgreement agreement;
};

// A slice by the name of its column: "input", or "input[3]" of several.
struct ShadowSlice {
  std::string column;
  judging::Slice slice;
};

// What came of the copies that one shadow was sent; what the control plane calls ShadowCounts.
// offered = the sum of dropped + compared + discordant_shadow + discordant_primary + both_failed +
// those under way.
struct ShadowCounts {
  std::uint64_t offered = 0;
  std::array<std::uint64_t, kShadowDropCount> dropped{};
  std::uint64_t compared = 0;
  std::uint64_t agreed = 0;
  // Of those compared: pairs with such a mismatch in any output.
  std::array<std::uint64_t, judging::kMismatchCount> mismatched{};
  std::uint64_t discordant_shadow = 0;   // only the shadow failed
  std::uint64_t discordant_primary = 0;  // only the primary did
  std::uint64_t both_failed = 0;
  // Of pairs whose executions can be compared: see docs/shadow.md.
  std::array<std::uint64_t, kLatencyRatioBuckets> latency_ratio{};
  std::vector<ShadowOutput> outputs;  // in the order in which the primary gave them first
  std::vector<ShadowSlice> worst;     // slices
};

// One shadow of a route: its counts and its examples. Owned by whoever owns the route, and by the
// copies under way; ended by letting go of it. Any thread reads; io threads and the desk write as
// each method says.
class Shadow {
 public:
  static constexpr std::size_t kWorstSlices = 10;

  Shadow(ShadowOptions options, std::size_t io_threads);
  Shadow(const Shadow&) = delete;
  Shadow& operator=(const Shadow&) = delete;
  ~Shadow();

  const ShadowOptions& options() const { return options_; }

  // From any thread. The lock is shared with the desk alone, which compares without it.
  ShadowCounts counts();
  // Those not older than options().examples.kept_ns at `now`; older ones are forgotten here.
  std::vector<ShadowExample> examples(base::Nanos now);

  // On io thread `io_thread`.
  void record_offered(std::size_t io_thread) { io_counts_[io_thread].offered.add(1); }
  void record_shed(std::size_t io_thread, ShadowDrop reason) {
    io_counts_[io_thread].dropped[static_cast<std::size_t>(reason)].add(1);
  }

  // What the desk saw of one copy.
  struct Answered {
    const Mirror& mirror;
    const base::Signature& signature;  // the shadow's
    // In the shapes that its answers have.
    const base::Result<std::vector<base::Tensor>>& outputs;
    // The executor's, of a batch of about as many rows as the primary's; 0: cannot be compared.
    base::Nanos compute_ns = 0;
  };
  // On the desk's thread.
  void record_dropped(ShadowDrop reason);
  void record(const Answered& answered, base::Nanos now);

 private:
  struct alignas(telemetry::kCacheLineBytes) IoCounts {
    telemetry::Counter offered;
    std::array<telemetry::Counter, kShadowDropCount> dropped;
  };
  struct State;
  struct Pair;

  void compare(const Answered& answered);
  void read_columns(const Mirror& mirror);
  static void count(const Pair& pair, std::size_t rows, State& state);
  void lay_out_columns(const Mirror& mirror);
  std::string example_of(const Answered& answered) const;
  bool is_sensitive(std::string_view tensor) const;

  const ShadowOptions options_;
  std::vector<IoCounts> io_counts_;
  const std::unique_ptr<base::Monitor<State>> state_;
  const std::unique_ptr<Pair> pair_;  // at hand; the desk's alone
};

}  // namespace penstock::serving
