// SPDX-License-Identifier: Apache-2.0
#pragma once

// A Front with the model "m" on the inline lane, a client's memory "r", and a control thread that
// the fuzzer plays.

#include <memory>
#include <string>

#include "../cpp/memory_doubles.h"
#include "../cpp/serving_doubles.h"
#include "control_player.h"
#include "fuzz_input.h"

namespace penstock::fuzzing {

struct Rig : testing::FrontRig {
  explicit Rig(Input& input)
      : FrontRig({.message_bytes_max = std::size_t{1} << 20,
                  .inflight_bytes_max = std::size_t{2} << 20,
                  .rest_body_bytes_max = std::size_t{64} << 10,
                  .answer_compression = static_cast<grpc::CompressionLevel>(input.below(4))},
                 &regions),
        control(*bridge) {
    share();
    bridge->host({{std::string("/test.Service/Method")}, false});
    version = serve({.name = "m", .lane = serving::Lane::kInline}, testing::x_to_y());
    readiness.set_ready(true);
  }

  // What else happens to a server.
  void happen(Input& input) {
    switch (input.below(8)) {
      case 0: skew_ns += base::kMillisecond * 30; break;
      case 1: skew_ns += base::kSecond * 30; break;
      case 2: readiness.set_ready((input.u8() & 1) != 0); break;
      case 3: bridge->host({{std::string("/test.Service/Other")}, (input.u8() & 1) != 0}); break;
      case 4: put("n", {.number = 1, .failure = "it loads"}); break;
      case 5: put("m", {.number = 1, .failure = "gone"}); break;
      case 6: front.end_connections(now()); break;
      default: share(input.u8()); break;
    }
  }
  // Clients' memory: the region "r" over the front of an object that has become of another size.
  void share(std::size_t size = kSharedBytes) {
    static testing::ShmObject object(kSharedBytes);
    object.resize(kSharedBytes);
    regions.remove("r");
    PENSTOCK_CHECK(regions.add(object.spec("r", 0, kSharedBytes)).has_value());
    object.resize(size);
  }
  void check_that_nothing_is_left() {
    front.finish_pass(now());
    control.hear();
    PENSTOCK_CHECK(control.open_calls() == 0);
    PENSTOCK_CHECK(counts().streams_opened == counts().streams_closed);
    PENSTOCK_CHECK(version->share(0).holds() == 0);
    PENSTOCK_CHECK(bridge->admit());  // a place that only ended calls can have given back
  }

  static constexpr std::size_t kSharedBytes = 64;
  memory::RegionTable regions{1};
  std::shared_ptr<serving::Version> version;
  ControlPlayer control;
};

}  // namespace penstock::fuzzing
