# SPDX-License-Identifier: Apache-2.0
"""Rollouts as messages of Penstock's admin service, and as their JSON. Pure."""

import json
import math
from collections.abc import Mapping
from typing import Any

from google.protobuf.json_format import ParseDict

from penstock.control.messages_json import message_json
from penstock.control.shadow_messages import shadow_message
from penstock.rollout.evidence import Epoch, Evidence
from penstock.rollout.read import rollout_of
from penstock.rollout.spec import RolloutSpec
from penstock.rollout.status import RolloutStatus
from penstock_client._proto import admin_pb2 as pb

__all__ = ["explanation_json", "rollout_json", "rollout_message", "spec_message", "spec_of"]


def rollout_message(status: RolloutStatus) -> pb.RolloutStatus:
    """How a rollout stands."""
    return pb.RolloutStatus(
        id=status.id,
        model=status.model,
        stable=status.stable,
        candidate=status.candidate,
        state=status.state,
        canary_bp=status.canary_bp,
        is_paused=status.is_paused,
        started_ms=status.started_ms,
        ended_ms=status.ended_ms,
        why=status.why,
        clock_jumps=status.clock_jumps,
        guardrails=[
            pb.GuardrailStatus(
                name=one.name,
                log_e=one.log_e,
                log_limit=one.log_limit,
                ratio_low=one.ratio_low,
                ratio_high=one.ratio_high,
                is_passed=one.is_passed,
            )
            for one in status.guardrails
        ],
        evidence=_evidence(status.evidence),
        log=[
            pb.Transition(
                wall_ms=one.wall_ms,
                state=one.state,
                canary_bp=one.canary_bp,
                by=one.by,
                why=one.why,
            )
            for one in status.log
        ],
        spec=spec_message(status.spec),
    )


def rollout_json(status: RolloutStatus) -> dict[str, Any]:
    """The same as JSON: every field written out, and the spec as rollout.toml has it."""
    message = rollout_message(status)
    return {**message_json(message), "spec": _spec_tables(message.spec)}


def explanation_json(explanation: Mapping[str, object]) -> str:
    """An explanation as JSON: numbers that are not finite as protobuf's mapping has them."""
    told = _finite(explanation)
    return json.dumps(told, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def spec_message(spec: Mapping[str, object]) -> pb.RolloutSpec:
    """A spec's plain values as a message; what the message has no field for is left out."""
    skips_shadow = "shadow" in spec and not spec["shadow"]
    told = {name: value for name, value in spec.items() if name != "shadow" or value}
    return ParseDict(told, pb.RolloutSpec(skips_shadow=skips_shadow), ignore_unknown_fields=True)


def spec_of(message: pb.RolloutSpec) -> RolloutSpec:
    """The spec that a message is. Raises RolloutError, with a line for each thing that is wrong."""
    return rollout_of(_spec_tables(message))


def _spec_tables(message: pb.RolloutSpec) -> dict[str, Any]:
    """The tables of a rollout.toml, as far as they are set."""
    told = message_json(message, with_defaults=False)
    if told.pop("skips_shadow", False):
        told["shadow"] = None
    return told


def _finite(value: object) -> object:
    match value:
        case float() if not math.isfinite(value):
            return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        case Mapping():
            return {str(name): _finite(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_finite(inner) for inner in value]
    return value


def _evidence(evidence: Evidence) -> pb.Evidence:
    made = pb.Evidence(
        epochs=[_epoch(one) for one in evidence.epochs],
        excluded=evidence.excluded,
        retried=evidence.retried,
        canary_missing=evidence.canary_missing,
        seen_is_full=evidence.seen_is_full,
        latency=[
            pb.ArmLatency(
                arm=arm,
                buckets=[pb.LatencyBucket(ns=ns, count=count) for ns, count in buckets],
            )
            for arm, buckets in evidence.latency_ns.items()
        ],
        shadows=[shadow_message(one) for one in evidence.shadows],
    )
    if evidence.verdict is not None:
        one = evidence.verdict
        made.verdict.rolls_back, made.verdict.cause = one.rolls_back, one.cause
        made.verdict.guardrail, made.verdict.wall_ms = one.guardrail, one.wall_ms
        made.verdict.log_e, made.verdict.log_limit = one.log_e, one.log_limit
    return made


def _epoch(epoch: Epoch) -> pb.Epoch:
    arms = {
        str(role): pb.ArmCounts(
            keys=counts.keys,
            requests=counts.requests,
            bad={str(kind): count for kind, count in counts.bad.items()},
            predictions=counts.predictions,
        )
        for role, counts in epoch.arms.items()
    }
    shares = {str(role): share for role, share in epoch.shares_bp.items()}
    return pb.Epoch(number=epoch.number, shares_bp=shares, arms=arms)
