# SPDX-License-Identifier: Apache-2.0
"""Each call about rollouts as a value; see _calls."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import Message

from penstock_client._calls import Call, Metadata, parsed
from penstock_client._proto import admin_pb2 as pb
from penstock_client._proto.pool import service_methods
from penstock_client._shadow_messages import examples_of, shadow_of
from penstock_client.errors import InvalidArgument, MalformedResponse
from penstock_client.rollouts import (
    ArmCounts,
    ArmLatency,
    Epoch,
    Evidence,
    GuardrailStatus,
    LatencyBucket,
    NativeVerdict,
    RolloutStatus,
    Transition,
)
from penstock_client.shadows import ShadowExamples

__all__ = ["METHOD_PATHS", "SpecLike"]

# The keys of a rollout.toml, or its text. None: what stands next to the model.
SpecLike = Mapping[str, object] | str | None

_ADMIN = service_methods("penstock.admin.v1.AdminService")
METHOD_PATHS = tuple(one.path for one in _ADMIN.values() if not one.is_server_streaming)


def start(
    model: str,
    candidate: int,
    *,
    spec: SpecLike = None,
    stable: int | None = None,
    allows_signature_change: bool = False,
) -> Call[RolloutStatus]:
    """StartRollout; InvalidArgument for a spec that is none."""
    try:
        request = pb.StartRolloutRequest(
            model=model,
            candidate=candidate,
            stable=stable or 0,
            allows_signature_change=allows_signature_change,
        )
    except (TypeError, ValueError) as error:
        raise InvalidArgument(f"a rollout of {model!r} cannot be asked for: {error}") from error
    if isinstance(spec, str):
        request.spec_toml = spec
    elif spec is not None:
        request.spec.CopyFrom(_spec_message(spec))
    return _changing("StartRollout", request)


def status(model: str, rollout: str = "") -> Call[RolloutStatus]:
    """GetRollout."""
    request = pb.GetRolloutRequest(model=model, rollout=rollout)
    return Call(_ADMIN["GetRollout"].path, request.SerializeToString(), _read_status)


def listed(
    model: str = "", *, ongoing_only: bool = False, limit: int = 0
) -> Call[tuple[RolloutStatus, ...]]:
    """ListRollouts."""
    request = pb.ListRolloutsRequest(model=model, ongoing_only=ongoing_only, limit=limit)
    return Call(_ADMIN["ListRollouts"].path, request.SerializeToString(), _read_list)


def watch(model: str, rollout: str = "", *, interval_s: float = 1.0) -> Call[RolloutStatus]:
    """WatchRollout: its answer is the first of many."""
    request = pb.WatchRolloutRequest(
        model=model, rollout=rollout, interval_ms=round(interval_s * 1000)
    )
    return Call(_ADMIN["WatchRollout"].path, request.SerializeToString(), _read_status)


def promote(model: str, rollout: str = "") -> Call[RolloutStatus]:
    """PromoteRollout."""
    return _changing("PromoteRollout", pb.PromoteRolloutRequest(model=model, rollout=rollout))


def pause(model: str, rollout: str = "") -> Call[RolloutStatus]:
    """PauseRollout."""
    return _changing("PauseRollout", pb.PauseRolloutRequest(model=model, rollout=rollout))


def resume(model: str, rollout: str = "") -> Call[RolloutStatus]:
    """ResumeRollout."""
    return _changing("ResumeRollout", pb.ResumeRolloutRequest(model=model, rollout=rollout))


def roll_back(model: str, rollout: str = "", *, reason: str = "") -> Call[RolloutStatus]:
    """RollBackRollout."""
    request = pb.RollBackRolloutRequest(model=model, rollout=rollout, reason=reason)
    return _changing("RollBackRollout", request)


def explain(model: str, rollout: str = "") -> Call[dict[str, Any]]:
    """ExplainRollout."""
    request = pb.ExplainRolloutRequest(model=model, rollout=rollout)
    return Call(_ADMIN["ExplainRollout"].path, request.SerializeToString(), _read_explanation)


def examples(model: str, rollout: str = "", *, limit: int = 0) -> Call[ShadowExamples]:
    """ListRolloutExamples."""
    request = pb.ListRolloutExamplesRequest(model=model, rollout=rollout, limit=limit)
    return Call(_ADMIN["ListRolloutExamples"].path, request.SerializeToString(), _read_examples)


def _changing(method: str, request: Message) -> Call[RolloutStatus]:
    """A call that is not made twice: its first attempt may have been carried out."""
    request_bytes = request.SerializeToString()
    return Call(_ADMIN[method].path, request_bytes, _read_status, is_repeatable=False)


def _spec_message(spec: Mapping[str, object]) -> pb.RolloutSpec:
    skips_shadow = "shadow" in spec and not spec["shadow"]
    told = {name: value for name, value in spec.items() if name != "shadow" or value}
    try:
        return ParseDict(told, pb.RolloutSpec(skips_shadow=skips_shadow))
    except (ParseError, TypeError) as error:
        raise InvalidArgument(f"spec: {error}") from error


def _read_list(message: bytes, trailers: Metadata) -> tuple[RolloutStatus, ...]:
    return tuple(_status(one) for one in parsed(pb.ListRolloutsResponse, message).rollouts)


def _read_explanation(message: bytes, trailers: Metadata) -> dict[str, Any]:
    text = parsed(pb.ExplainRolloutResponse, message).explanation_json
    try:
        found = json.loads(text)
    except ValueError as error:
        raise MalformedResponse(f"the explanation is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise MalformedResponse("the explanation is no JSON object")
    return found


def _read_examples(message: bytes, trailers: Metadata) -> ShadowExamples:
    return examples_of(parsed(pb.ShadowExamples, message))


def _read_status(message: bytes, trailers: Metadata) -> RolloutStatus:
    return _status(parsed(pb.RolloutStatus, message))


def _status(found: pb.RolloutStatus) -> RolloutStatus:
    spec = _plain(found.spec)
    if spec.pop("skips_shadow", False):
        spec["shadow"] = None
    return RolloutStatus(
        id=found.id,
        model=found.model,
        stable=found.stable,
        candidate=found.candidate,
        state=found.state,
        canary_bp=found.canary_bp,
        is_paused=found.is_paused,
        started_ms=found.started_ms,
        ended_ms=found.ended_ms if found.HasField("ended_ms") else None,
        why=found.why,
        guardrails=tuple(
            GuardrailStatus(
                name=one.name,
                log_e=one.log_e,
                log_limit=one.log_limit,
                ratio_low=one.ratio_low,
                ratio_high=one.ratio_high,
                is_passed=one.is_passed,
            )
            for one in found.guardrails
        ),
        evidence=_evidence(found.evidence),
        log=tuple(
            Transition(
                wall_ms=one.wall_ms,
                state=one.state,
                canary_bp=one.canary_bp,
                by=one.by,
                why=one.why,
            )
            for one in found.log
        ),
        spec=spec,
        clock_jumps=found.clock_jumps,
    )


def _evidence(found: pb.Evidence) -> Evidence:
    return Evidence(
        epochs=tuple(_epoch(one) for one in found.epochs),
        excluded=found.excluded,
        retried=found.retried,
        canary_missing=found.canary_missing,
        seen_is_full=found.seen_is_full,
        latency=tuple(
            ArmLatency(
                arm=one.arm,
                buckets=tuple(LatencyBucket(ns=each.ns, count=each.count) for each in one.buckets),
            )
            for one in found.latency
        ),
        verdict=_verdict(found.verdict) if found.HasField("verdict") else None,
        shadows=tuple(shadow_of(one) for one in found.shadows),
    )


def _epoch(found: pb.Epoch) -> Epoch:
    arms = {
        arm: ArmCounts(
            keys=one.keys,
            requests=one.requests,
            bad=dict(one.bad),
            predictions=tuple(one.predictions),
        )
        for arm, one in found.arms.items()
    }
    return Epoch(number=found.number, shares_bp=dict(found.shares_bp), arms=arms)


def _verdict(found: pb.NativeVerdict) -> NativeVerdict:
    return NativeVerdict(
        rolls_back=found.rolls_back,
        cause=found.cause,
        guardrail=found.guardrail,
        log_e=found.log_e,
        log_limit=found.log_limit,
        wall_ms=found.wall_ms,
    )


def _plain(message: Message) -> dict[str, Any]:
    """What is set of a message without maps, as plain values."""
    told: dict[str, Any] = {}
    for field, value in message.ListFields():
        if field.is_repeated:
            told[field.name] = [_plain(one) if field.message_type else one for one in value]
        else:
            told[field.name] = _plain(value) if field.message_type else value
    return told
