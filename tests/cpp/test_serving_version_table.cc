// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>

#include "harness.h"
#include "serving/version_table.h"
#include "serving_doubles.h"

namespace penstock::testing {
namespace {

using base::Code;
using serving::VersionEntry;
using serving::VersionTable;

std::shared_ptr<serving::Version> version_of(std::int64_t number) {
  std::vector<std::unique_ptr<model::Executor>> executors;
  executors.push_back(std::make_unique<ScriptedExecutor>(x_to_y(), echo_batch));
  serving::Version::Options options{.name = "m", .number = number};
  options.queue.policy.batch_rows_max = 8;
  return std::make_shared<serving::Version>(std::move(options), std::move(executors), 1,
                                            [](std::span<batching::Reply>) {});
}

VersionEntry loaded(std::int64_t number) {
  return {.number = number, .version = version_of(number), .failure = {}};
}

VersionEntry failed(std::int64_t number) {
  return {.number = number, .version = nullptr, .failure = "no such file"};
}

std::int64_t found(const VersionTable& table, std::string_view version) {
  const auto result = table.find("m", version);
  return result ? (*result)->number() : -1;
}

}  // namespace

TEST(serving_version_table, the_highest_loaded_version_is_the_one_that_nobody_names) {
  VersionTable table;
  for (const std::int64_t number : {10, 2, 7}) table.replace("m", loaded(number));
  EXPECT_EQ(found(table, ""), 10);
  EXPECT_EQ(found(table, "7"), 7);
  EXPECT_EQ(found(table, "2"), 2);
  table.replace("m", failed(11));
  EXPECT_EQ(found(table, ""), 10);
  REQUIRE(table.model("m") != nullptr);
  EXPECT_EQ(table.model("m")->versions.size(), 4);
}

TEST(serving_version_table, what_is_not_there_is_not_found) {
  VersionTable table;
  table.replace("m", loaded(1));
  table.replace("m", failed(3));
  const auto model = table.find("other", "");
  REQUIRE(!model.has_value());
  EXPECT(model.error().code == Code::kNotFound);
  EXPECT_EQ(model.error().why,
            "Request for unknown model: 'other' is not found; this server has no model of that "
            "name");
  const auto version = table.find("m", "2");
  REQUIRE(!version.has_value());
  EXPECT(version.error().code == Code::kNotFound);
  EXPECT_EQ(version.error().why,
            "Request for unknown model: 'm' version 2 is not found; this server has version 1, 3");
  EXPECT(table.find("", "").error().code == Code::kNotFound);
  EXPECT(table.model("other") == nullptr);
}

TEST(serving_version_table, a_version_that_is_no_number_is_an_invalid_argument) {
  VersionTable table;
  table.replace("m", loaded(1));
  for (const std::string_view wrong : {"one", "1.0", " 1", "1 ", "+1", "99999999999999999999"}) {
    const auto result = table.find("m", wrong);
    REQUIRE(!result.has_value());
    EXPECT(result.error().code == Code::kInvalidArgument);
    EXPECT_EQ(result.error().why,
              "model version \"" + std::string(wrong) + "\" is no whole number");
  }
}

TEST(serving_version_table, a_failed_version_is_unavailable_with_its_reason) {
  VersionTable table;
  table.replace("m", failed(4));
  for (const std::string_view version : {"4", ""}) {
    const auto result = table.find("m", version);
    REQUIRE(!result.has_value());
    EXPECT(result.error().code == Code::kUnavailable);
    EXPECT_EQ(result.error().why, "model \"m\" version 4 is not ready: no such file");
  }
}

TEST(serving_version_table, replacing_gives_the_version_before) {
  VersionTable table;
  EXPECT(table.replace("m", loaded(1)) == nullptr);
  const auto before = table.replace("m", loaded(1));
  REQUIRE(before != nullptr);
  EXPECT_NE(before.get(), *table.find("m", "1"));
  EXPECT(table.replace("m", failed(1)) != nullptr);
  EXPECT(table.replace("m", failed(1)) == nullptr);
  EXPECT(table.replace("m", loaded(1)) == nullptr);
}

TEST(serving_version_table, an_entry_that_is_neither_is_a_removal) {
  VersionTable table;
  table.replace("m", loaded(1));
  table.replace("m", loaded(2));
  EXPECT(table.replace("m", {.number = 2, .version = nullptr, .failure = {}}) != nullptr);
  EXPECT_EQ(found(table, ""), 1);
  EXPECT(table.replace("m", {.number = 9, .version = nullptr, .failure = {}}) == nullptr);
  table.replace("m", {.number = 1, .version = nullptr, .failure = {}});
  EXPECT(table.model("m") == nullptr);
  EXPECT(table.replace("n", {.number = 1, .version = nullptr, .failure = {}}) == nullptr);
  EXPECT(table.model("n") == nullptr);
}

TEST(serving_version_table, a_version_that_sleeps_counts_as_one_that_is_there) {
  VersionTable table;
  table.replace("m", loaded(1));
  table.replace("m", {.number = 2, .version = nullptr, .failure = {}, .is_asleep = true});
  table.replace("m", failed(3));
  EXPECT_EQ(found(table, ""), -1);
  EXPECT(table.find("m", "").error().code == Code::kUnavailable);
  EXPECT_EQ(found(table, "1"), 1);
  EXPECT_EQ(table.asleep("m", "")->number, 2);
  EXPECT_EQ(table.asleep("m", "2")->number, 2);
  for (const std::string_view awake : {"1", "3", "02", "x", "-2"}) {
    EXPECT(table.asleep("m", awake) == nullptr);
  }
  EXPECT(table.asleep("n", "") == nullptr);
  EXPECT(table.loaded_versions("m") == std::vector<std::string>({"1", "2"}));
  table.replace("m", loaded(4));
  EXPECT(table.asleep("m", "") == nullptr);
  table.replace("m", {.number = 2, .version = nullptr, .failure = {}});
  EXPECT(table.asleep("m", "2") == nullptr);
}

TEST(serving_version_table, a_copy_changes_by_itself) {
  VersionTable table;
  table.replace("m", loaded(1));
  VersionTable copy = table;
  copy.replace("m", loaded(2));
  copy.replace("n", failed(1));
  EXPECT_EQ(found(table, ""), 1);
  EXPECT_EQ(found(copy, ""), 2);
  std::string names;
  copy.for_each_version([&](const std::string& name, const VersionEntry& entry) {
    names += name + std::to_string(entry.number) + " ";
  });
  EXPECT_EQ(names, "m1 m2 n1 ");
}

}  // namespace penstock::testing
