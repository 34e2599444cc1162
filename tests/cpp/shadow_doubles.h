// SPDX-License-Identifier: Apache-2.0
#pragma once

// A shadow desk with versions to mirror, the test's thread being io thread 0.

#include <memory>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "batching_doubles.h"
#include "serving/shadow_desk.h"
#include "serving_doubles.h"

namespace penstock::testing {

inline std::uint64_t dropped(const serving::ShadowCounts& counts, serving::ShadowDrop reason) {
  return counts.dropped[static_cast<std::size_t>(reason)];
}

inline std::uint64_t dropped(const serving::ShadowCounts& counts) {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : counts.dropped) sum += count;
  return sum;
}

// Copies that are under way no more.
inline std::uint64_t ended(const serving::ShadowCounts& counts) {
  return dropped(counts) + counts.compared + counts.discordant_shadow + counts.discordant_primary +
         counts.both_failed;
}

class DeskRig {
 public:
  DeskRig() {
    versions.publish(std::make_shared<serving::VersionTable>());
    primary = load_inline("primary");
  }
  ~DeskRig() {
    desk->stop();
    for (const auto& kept : kept_) kept->retire([] { return true; });
    versions.publish(std::make_shared<serving::VersionTable>());
    versions.look(0);
  }

  std::shared_ptr<serving::Version> load(serving::Version::Options wanted,
                                         base::Signature signature = x_to_y(),
                                         Behaviour behaviour = echo_batch) {
    std::vector<std::unique_ptr<model::Executor>> executors;
    executors.push_back(std::make_unique<ScriptedExecutor>(signature, std::move(behaviour)));
    wanted.queue.model_name = wanted.name;
    wanted.queue.policy.batch_rows_max = signature.batch_rows_max;
    auto version = std::make_shared<serving::Version>(
        wanted, std::move(executors), 1, [this](std::span<batching::Reply> replies) {
          // Answers to requests that a test asked itself are nobody's.
          if (replies.front().address.io_thread == desk->address()) desk->deliver(replies);
        });
    kept_.push_back(version);
    put(wanted.name, {.number = wanted.number, .version = version, .failure = {}});
    return version;
  }
  std::shared_ptr<serving::Version> load_inline(std::string name,
                                                Behaviour behaviour = echo_batch) {
    return load({.name = std::move(name), .lane = serving::Lane::kInline}, x_to_y(),
                std::move(behaviour));
  }
  std::shared_ptr<serving::Version> load_batch(std::string name, Behaviour behaviour = echo_batch) {
    return load({.name = std::move(name), .lane = serving::Lane::kBatch}, x_to_y(),
                std::move(behaviour));
  }
  // Returns the number of the table that holds `entry`.
  std::uint64_t put(const std::string& name, serving::VersionEntry entry) {
    auto table = std::make_shared<serving::VersionTable>(*versions.latest());
    table->replace(name, std::move(entry));
    const std::uint64_t number = versions.publish(std::move(table));
    versions.look(0);
    return number;
  }

  static std::shared_ptr<serving::Shadow> shadow_of(std::string model,
                                                    serving::ShadowOptions options = {}) {
    options.name = "shadow";
    options.model = std::move(model);
    return std::make_shared<serving::Shadow>(std::move(options), 1);
  }

  // A request of one row, and what the primary answered.
  std::unique_ptr<serving::Mirror> mirror(const std::shared_ptr<serving::Shadow>& shadow,
                                          const std::vector<float>& input,
                                          base::Result<std::vector<float>> answer) {
    auto one = desk->spare(0);
    one->shadow = shadow;
    const auto row = [](const std::vector<float>& values) {
      return floats({1, static_cast<std::int64_t>(values.size())}, values);
    };
    one->inputs.push_back(row(input));
    if (answer) {
      one->outputs->push_back(row(*answer));
    } else {
      one->outputs = std::unexpected(answer.error());
    }
    one->batch_rows = 1;
    one->compute_ns = 1000;
    return one;
  }
  bool offer(const std::shared_ptr<serving::Shadow>& shadow, const std::vector<float>& input,
             base::Result<std::vector<float>> answer) {
    return desk->offer(0, *primary, mirror(shadow, input, std::move(answer)));
  }
  // As of a version that answers with its input.
  bool offer(const std::shared_ptr<serving::Shadow>& shadow, float value = 1.0F) {
    return offer(shadow, {value}, std::vector<float>{value});
  }

  // Passes of the io thread until nothing of the shadow is under way.
  serving::ShadowCounts settle(serving::Shadow& shadow) {
    for (;;) {
      desk->flush(0);
      serving::ShadowCounts counts = shadow.counts();
      if (ended(counts) == counts.offered) return counts;
      std::this_thread::yield();
    }
  }

  // Passes of the io thread until it has all of its copies back.
  void come_home() {
    while (desk->next_wake(0, 0) != base::kNever) {
      desk->flush(0);
      std::this_thread::yield();
    }
  }

  serving::PublishedVersions versions{2};
  std::unique_ptr<serving::ShadowDesk> desk = std::move(*serving::ShadowDesk::open(1, versions));
  std::shared_ptr<serving::Version> primary;

 private:
  std::vector<std::shared_ptr<serving::Version>> kept_;
};

}  // namespace penstock::testing
