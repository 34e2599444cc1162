// SPDX-License-Identifier: Apache-2.0
// Requests of routes: which version gets them, and what becomes of them there.
#include <algorithm>
#include <cstring>
#include <ctime>
#include <utility>

#include "base/text.h"
#include "batching/shape.h"
#include "serving/front.h"
#include "serving/prediction.h"
#include "serving/shadow_desk.h"

namespace penstock::serving {
namespace {

using base::Code;
using base::Nanos;
using routing::Role;

// A caller that goes away in the last tenth of the time it gave went because of that.
constexpr Nanos kGoneEarly = 10;

bool is_number(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

base::Error no_such_arm(const routing::Route& route, std::string_view label) {
  return {Code::kNotFound, "Request for unknown model: " + base::quote(route.name(), '\'') +
                               " has no arm " + base::quote(label) + "; it has " +
                               route.arm_names() + ", or name a version by its number"};
}

}  // namespace

// The version that answers questions about a model's name, and requests that cannot be read
// without knowing their signature.
Target Front::representative(std::string_view model, std::string_view version) {
  const RouteTable& routes = context_.routes->look(context_.io_thread);
  const auto* const found = routes.is_empty() ? nullptr : routes.find(model);
  if (found == nullptr || (!version.empty() && is_number(version))) return {model, version};
  const routing::Route& route = (*found)->route;
  if (version.empty())
    return {route.arm(route.fallback()).model, route.arm(route.fallback()).version};
  const auto arm = route.arm_named(version);
  return arm ? Target{route.arm(*arm).model, route.arm(*arm).version} : Target{model, version};
}

void Front::keep_headers(Call& call, std::span<const http::Field> fields) {
  const RouteTable& routes = context_.routes->look(context_.io_thread);
  if (!routes.headers().empty()) {
    keep_route_headers(fields, routes.headers(), call.routed.headers);
  }
}

// Step 6 for a model that is a route: `target` becomes the version that its arm has.
base::Result<> Front::route(Call& call, const VersionTable& table, Target& target) {
  call.routed.forget();  // what another route said, before it waited for a version
  const RouteTable& routes = context_.routes->look(context_.io_thread);
  if (routes.is_empty()) return {};
  const auto* const found = routes.find(target.model);
  if (found == nullptr) return {};
  const RoutedModel& routed = **found;
  Trial* const trial = routed.trial.get();
  routing::Asked asked;
  if (!target.version.empty()) {
    if (is_number(target.version)) {
      if (trial != nullptr) trial->count_excluded(context_.io_thread);
      return {};
    }
    asked.labelled = routed.route.arm_named(target.version);
    if (!asked.labelled) return std::unexpected(no_such_arm(routed.route, target.version));
  }
  const auto forced = forced_arm(routed.route, call.routed.headers, std::time(nullptr));
  if (!forced) return std::unexpected(forced.error());
  asked.forced = *forced;
  const auto key = key_of(routed.route.sticky(), request_, call.routed.headers, key_scratch_);
  if (!key) return std::unexpected(key.error());
  asked.key = key->empty() ? fresh_key() : *key;
  call.routed.has_sticky_key =
      !key->empty() && routed.route.sticky().source != routing::KeySource::kRequestId;

  const bool is_cut = trial != nullptr && trial->is_cut();
  RoutedCall& mine = call.routed;
  mine.pick = routing::pick(routed.route, asked, is_cut);
  bool is_evidence = trial != nullptr && !is_cut && mine.pick.why == routing::Why::kAssigned;
  if (trial != nullptr && routed.route.arm(mine.pick.arm).role == Role::kCanary &&
      !is_there(table, routed.route.arm(mine.pick.arm))) {
    trial->count_missing(context_.io_thread);
    mine.pick.arm = routed.route.fallback();
    is_evidence = false;
  }
  if (trial != nullptr && !is_evidence) trial->count_excluded(context_.io_thread);
  mine.model = *found;
  mine.is_evidence = is_evidence;
  target = {mine.arm().model, mine.arm().version};
  return {};
}

bool Front::is_there(const VersionTable& table, const routing::Arm& arm) {
  return table.find(arm.model, arm.version) || table.asleep(arm.model, arm.version) != nullptr;
}

// A key that no other request has, for one that brings none.
std::string_view Front::fresh_key() {
  ++fresh_key_.count;
  static_assert(sizeof(FreshKey) == 16);
  return {reinterpret_cast<const char*>(&fresh_key_), sizeof fresh_key_};
}

// The request fits its version: is it to be kept, for others that may execute it?
void Front::keep_inputs(Call& call, const batching::Ticket& ticket) {
  RoutedCall& routed = call.routed;
  const auto shadows = routed.model->route.shadows();
  routed.mirrored = 0;
  for (std::size_t i = 0; i < shadows.size() && context_.shadows != nullptr; ++i) {
    const bool is_same =
        shadows[i].model == routed.arm().model && shadows[i].version == routed.arm().version;
    if (is_same || !routing::is_mirrored(shadows[i], routed.pick.key_hash, ++nonce_)) continue;
    routed.mirrored |= 1U << i;
  }
  if (!routed.is_evidence && routed.mirrored == 0) return;
  routed.inputs = ticket.inputs;
  routed.rows = ticket.rows;
}

// The request was accepted by its version: from now on what becomes of it counts.
void Front::begin_routed(Call& call, batching::Ticket& ticket) {
  RoutedCall& routed = call.routed;
  const Role role = routed.arm().role;
  if (role == Role::kControl) ticket.shape_key ^= kControlBatches;
  routed.facts = ticket.facts;
  if (!routed.is_evidence) return;
  Trial& trial = *routed.model->trial;
  routed.is_first =
      trial.assign(context_.io_thread, routed.model->epoch, role, routed.pick.key_hash);
  if (trial.options().slo_ns > 0 && role != Role::kStable) {
    routed.slow_at_ns = base::after(call.arrived_ns, trial.options().slo_ns + 1);
  }
}

Observation Front::observation_of(const Call& call, Nanos now) const {
  const RoutedCall& routed = call.routed;
  return {.epoch = routed.model->epoch,
          .role = routed.arm().role,
          .key_hash = routed.pick.key_hash,
          .latency_ns = std::max<Nanos>(now - call.arrived_ns, 0),
          .is_slow_told = routed.is_slow_told};
}

// The end of a request that is evidence. If its canary failed it: the version that is to answer it
// instead, or null.
Version* Front::observe(Call& call, const batching::Outcome& outcome, Nanos now) {
  RoutedCall& routed = call.routed;
  if (!std::exchange(routed.is_evidence, false)) return nullptr;
  Judged found = judged(outcome, routed.inputs);
  // Its queue gave it up: a version that is too slow must not be judged by those that it comes to.
  if (outcome.batch_rows == 0 && !outcome.outputs && now >= call.patience_ns) {
    found = {.bearing = Bearing::kBad, .kind = judging::BadKind::kTimeout};
  }
  if (found.bearing == Bearing::kNothing) return nullptr;
  Trial& trial = *routed.model->trial;
  Observation seen = observation_of(call, now);
  if (found.bearing == Bearing::kBad) seen.bad = found.kind;
  if (outcome.outputs && routed.is_first && trial.options().predictions) {
    const base::Signature& signature = call.share->version->signature();
    const auto at = std::ranges::find(signature.outputs, trial.options().predictions->name,
                                      &base::TensorSpec::name);
    if (at != signature.outputs.end()) {
      const auto index = static_cast<std::size_t>(at - signature.outputs.begin());
      seen.prediction = prediction_of((*outcome.outputs)[index], signature.batch_rows_max > 0);
    }
  }
  const bool is_failed_by_canary = seen.bad && seen.role == Role::kCanary;
  Version* const stable = is_failed_by_canary ? find_stable(call) : nullptr;
  // Before the judge may decide: whoever a verdict wakes reads all counts.
  if (stable != nullptr) trial.count_retried(context_.io_thread);
  trial.observe(context_.io_thread, seen);
  return stable;
}

// Its deadline came before its answer, or its queue gave it up.
void Front::observe_timeout(Call& call, Nanos now) {
  if (!std::exchange(call.routed.is_evidence, false)) return;
  Observation seen = observation_of(call, now);
  seen.bad = judging::BadKind::kTimeout;
  call.routed.model->trial->observe(context_.io_thread, seen);
}

// Its caller went away. One whose deadline it is does so when the timer here is due, and often a
// moment before: then that is what it was.
void Front::observe_gone(Call& call, Nanos now) {
  if (call.deadline_ns == base::kNever) return;
  const Nanos allowed = call.deadline_ns - call.arrived_ns;
  if (now >= call.deadline_ns - allowed / kGoneEarly) observe_timeout(call, now);
}

void Front::observe_slow(Call& call, Nanos now) {
  call.routed.slow_at_ns = base::kNever;
  if (!call.routed.is_evidence) return;
  call.routed.model->trial->tell_slow(context_.io_thread, observation_of(call, now));
  call.routed.is_slow_told = true;
}

// The version that may execute what the canary failed: if the rollout's policy says so, and both
// versions take it in the same form.
Version* Front::find_stable(const Call& call) {
  const RoutedCall& routed = call.routed;
  if (!routed.model->trial->options().retries) return nullptr;
  const VersionTable& table = context_.versions->look(context_.io_thread);
  const routing::Arm& arm = routed.model->route.arm(routed.model->route.fallback());
  const auto found = table.find(arm.model, arm.version);
  if (!found) return nullptr;
  Version& stable = **found;
  const Version& canary = *call.share->version;
  const bool is_alike = stable.signature() == canary.signature() && !stable.reshaping() &&
                        !canary.reshaping() && stable.sees_requests() == canary.sees_requests();
  return is_alike ? &stable : nullptr;
}

void Front::retry_on(Version& stable, Call& call, Nanos now) {
  RoutedCall& routed = call.routed;
  routed.mirrored = 0;  // a copy of it was made

  auto ticket = std::make_unique<batching::Ticket>();
  ticket->reply = {.io_thread = static_cast<std::uint32_t>(context_.io_thread),
                   .connection_slot = call.connection_slot,
                   .connection_id = peer_of(call).id,
                   .stream_id = call.stream_id};
  ticket->arrived_ns = ticket->enqueued_ns = now;
  ticket->deadline_ns = call.deadline_ns;
  ticket->rows = routed.rows;
  ticket->inputs = std::move(routed.inputs);
  ticket->shape_key = batching::shape_key(ticket->inputs);
  ticket->facts = std::move(routed.facts);
  call.watched.clear();
  if (const drift::Tap* const tap = stable.tap(); tap != nullptr) keep_watched(call, *tap, *ticket);
  leave_version(call);
  call.share = &stable.share(context_.io_thread);
  call.share->hold();
  routed.pick.arm = routed.model->route.fallback();
  if (const auto sent = send(call, std::move(ticket), now); !sent) {
    abandon(call);
    refuse(call, sent.error());
  }
}

// Copies for the shadows, of a request that its version has executed. They wait in `mirrors_`
// until its answer is on its way.
void Front::make_mirrors(const Call& call, const batching::Outcome& outcome) {
  const RoutedCall& routed = call.routed;
  if (outcome.batch_rows == 0) return;  // it was not executed
  const std::span<const std::shared_ptr<Shadow>> shadows = routed.model->shadows;
  for (std::size_t i = 0; i < shadows.size(); ++i) {
    if ((routed.mirrored >> i & 1U) == 0) continue;
    auto mirror = context_.shadows->spare(context_.io_thread);
    mirror->shadow = shadows[i];
    mirror->inputs = routed.inputs;
    mirror->rows = routed.rows;
    mirror->facts = routed.facts;
    mirror->outputs = outcome.outputs;
    mirror->batch_rows = outcome.batch_rows;
    mirror->compute_ns = outcome.compute_infer_ns;
    mirror->key_hash = routed.pick.key_hash;
    mirror->request_id = call.request_id;
    mirrors_.push_back(std::move(mirror));
  }
}

void Front::offer_mirrors(const Version& primary) {
  for (auto& mirror : mirrors_) {
    context_.shadows->offer(context_.io_thread, primary, std::move(mirror));
  }
  mirrors_.clear();
}

}  // namespace penstock::serving
