// SPDX-License-Identifier: Apache-2.0
// Requests whose rows are counted (drift/): what is kept of them until they are answered.
#include "serving/watched.h"

#include "drift/fingerprint.h"
#include "serving/front.h"

namespace penstock::serving {

// The request is bound to `version`: whether its rows are to be counted is decided here, and those
// that are not pay nothing more.
void Front::keep_watched(Call& call, const drift::Tap& tap, const batching::Ticket& ticket) {
  if (context_.drift == nullptr) return;
  WatchedCall& mine = call.watched;
  mine.clear();
  mine.tap = &tap;
  mine.rows = static_cast<std::uint32_t>(ticket.rows);
  mine.is_sampled = true;
  if (!tap.takes_all()) {
    const std::string& id = call.request_id;
    const std::uint64_t hash =
        id.empty() ? drift::mixed(fresh_key_.seed + ++nonce_ * drift::kMixStep)
                   : drift::fingerprint(std::as_bytes(std::span(id.data(), id.size())));
    mine.is_sampled = tap.takes(hash);
    if (!mine.is_sampled) return;
  }
  mine.has_key = call.routed.model != nullptr && call.routed.has_sticky_key;
  mine.key = call.routed.pick.key_hash;
  for (const std::uint32_t input : tap.inputs()) mine.keep(ticket.inputs[input]);
}

// The executor's answer is there, before any of it is shown as classes. What becomes of the rows is
// to be committed, once they are answered.
WatchedOutcome Front::offer_watched(Call& call, const Version& version,
                                    const batching::Outcome& outcome) {
  WatchedCall& mine = call.watched;
  if (!outcome.outputs) return {};
  if (mine.tap != version.tap()) {
    return {.tap = version.tap(), .offered = {.left = mine.rows, .why = drift::Left::kReplaced}};
  }
  if (!mine.is_sampled) {
    return {.tap = mine.tap, .offered = {.left = mine.rows, .why = drift::Left::kUnsampled}};
  }
  for (const std::uint32_t i : mine.tap->outputs()) mine.keep_view((*outcome.outputs)[i]);
  return {
      .tap = mine.tap,
      .offered = context_.drift->offer(
          context_.io_thread, *mine.tap,
          {.rows = mine.rows, .has_key = mine.has_key, .key = mine.key, .tensors = mine.tensors})};
}

void Front::commit_watched(const WatchedOutcome& watched) {
  context_.drift->commit(context_.io_thread, *watched.tap, watched.offered);
}

}  // namespace penstock::serving
