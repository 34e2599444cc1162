// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "harness.h"
#include "model/executor.h"
#include "model_fixtures.h"

namespace penstock::model {

TEST(model_executor, the_answer_to_a_request_alone_is_outputs_or_a_failure) {
  std::vector<base::Tensor> outputs;
  std::vector<base::Answer> answers;
  answers.push_back(std::vector<base::Tensor>{testing::floats({1, 2}, {3, 4})});
  REQUIRE(take_only_answer(std::move(answers), outputs).has_value());
  REQUIRE(outputs.size() == 1);
  EXPECT_EQ(outputs[0].shape, (base::Shape{1, 2}));

  std::vector<base::Answer> failed;
  failed.push_back(base::fail(base::Code::kNotFound, "no"));
  const auto refused = take_only_answer(std::move(failed), outputs);
  REQUIRE(!refused.has_value());
  EXPECT_EQ(refused.error().code, base::Code::kNotFound);
}

}  // namespace penstock::model
