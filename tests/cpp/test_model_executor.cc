// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <vector>

#include "harness.h"
#include "model/executor.h"

namespace penstock::model {

TEST(model_executor, a_batch_that_is_tried_out_fails_with_the_first_request_that_fails) {
  const std::array<std::int64_t, 3> request_rows{1, 1, 1};
  const ExecutorBatch batch{.rows = 3, .inputs = {}, .request_rows = request_rows};
  bool are_all_fine = true;
  const auto run = [&](const ExecutorBatch& own, std::vector<base::Tensor>&) -> base::Result<> {
    EXPECT_EQ(own.request_rows.size(), 3);
    own.answers->push_back(std::vector<base::Tensor>{});
    for (const char* const why : {"first", "second"}) {
      if (are_all_fine) {
        own.answers->push_back(std::vector<base::Tensor>{});
      } else {
        own.answers->push_back(base::fail(base::Code::kNotFound, why));
      }
    }
    return {};
  };
  int seen = 0;
  const auto inspect = [&](std::span<const base::Tensor>) -> base::Result<> {
    if (++seen == 2) return base::fail(base::Code::kAborted, "looked wrong");
    return {};
  };
  EXPECT(try_out(batch, run, nullptr).has_value());
  EXPECT_EQ(try_out(batch, run, inspect).error().why, "looked wrong");
  EXPECT_EQ(seen, 2);
  are_all_fine = false;
  EXPECT_EQ(try_out(batch, run, nullptr).error(), (base::Error{base::Code::kNotFound, "first"}));
  const auto raises = [](const ExecutorBatch&, std::vector<base::Tensor>&) -> base::Result<> {
    return base::fail(base::Code::kInternal, "all");
  };
  seen = 0;
  EXPECT_EQ(try_out(batch, raises, inspect).error().why, "all");
  EXPECT_EQ(seen, 0);
}

}  // namespace penstock::model
