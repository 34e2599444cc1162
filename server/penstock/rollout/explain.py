# SPDX-License-Identifier: Apache-2.0
"""Recomputes a verdict from what the store keeps, so that a person can check it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from penstock.rollout.event_odds import EventCount
from penstock.rollout.evidence import BadEvent, Guardrail, NativeVerdict
from penstock.rollout.findings import Findings, find
from penstock.rollout.judge import Judge, JudgeOptions
from penstock.rollout.record import Record
from penstock.rollout.sums import Tally

__all__ = ["explain"]

#: The logarithms of the core and of the twin may differ by so much: they add in another order.
_ROUNDING = 1e-6
#: Events that are listed one by one; all are reckoned with.
EVENTS_MAX = 1000


def explain(record: Record, events: Sequence[BadEvent]) -> Mapping[str, object]:
    """Every count and transition, and the verdict computed anew: plain values for JSON.

    `verdict.agrees` says whether the core decided what these events lead to. It is None where the
    core held the rollout because it could keep no more keys or events, which the events that were
    kept cannot tell. `log_e` of an event is the evidence of its guardrail once it was taken, by the
    judge computed anew. Numbers that are infinite are None.
    """
    judge = Judge(JudgeOptions.from_spec(record.spec))
    reached: list[float] = []  # by each of the events that are listed
    for left, event in zip(range(len(events), 0, -1), events, strict=True):
        judge.take(event)
        if left <= EVENTS_MAX:
            reached.append(judge.log_e(event.guardrail))
    tally = Tally(events)
    found = find(record.spec, record.lives, tally) if record.lives else None
    evidence = record.evidence
    plain = _plain(
        {
            "rollout": record.id,
            "model": record.model,
            "stable": record.stable,
            "candidate": record.candidate,
            "salt": f"{record.salt:016x}",
            "state": record.state,
            "canary_bp": record.canary_bp,
            "why": record.why,
            "started_ms": record.started_ms,
            "ended_ms": record.ended_ms,
            "elapsed_s": round(record.elapsed_s, 3),
            "restarts": max(0, len(record.lives) - 1),
            "clock_jumps": record.clock_jumps,
            "spec": record.spec.model_dump(mode="json"),
            "transitions": [asdict(line) for line in record.log],
            "verdict": _verdict(evidence.verdict, judge),
            "guardrails": _guardrails(found, judge),
            "split": None if found is None else _split(found),
            "shadow": None if found is None or found.shadow is None else asdict(found.shadow),
            "evidence": asdict(evidence),
            "events": [
                _event(event, log_e)
                for event, log_e in zip(events[-EVENTS_MAX:], reached, strict=True)
            ],
            "events_before": max(0, len(events) - EVENTS_MAX),
        }
    )
    assert isinstance(plain, dict)
    return plain


def _verdict(native: NativeVerdict | None, judge: Judge) -> dict[str, object]:
    anew = judge.verdict
    return {
        "core": None if native is None else asdict(native),
        "computed": None if anew is None else asdict(anew),
        "agrees": _agrees(native, anew),
    }


def _agrees(native: NativeVerdict | None, anew: NativeVerdict | None) -> bool | None:
    if native is not None and native.cause in ("keys_full", "events_full"):
        return None
    if native is None or anew is None:
        return native is anew
    return (
        native.rolls_back == anew.rolls_back
        and native.cause == anew.cause
        and native.guardrail == anew.guardrail
        and math.isclose(native.log_e, anew.log_e, rel_tol=_ROUNDING, abs_tol=_ROUNDING)
        and math.isclose(native.log_limit, anew.log_limit, rel_tol=_ROUNDING, abs_tol=_ROUNDING)
    )


def _guardrails(found: Findings | None, judge: Judge) -> list[dict[str, object]]:
    if found is None:
        return []
    rails = []
    for one in found.guardrails:
        counts: list[EventCount] = []
        if one.name in ("errors", "latency"):
            guardrail: Guardrail = "errors" if one.name == "errors" else "latency"
            counts = judge.counts(guardrail)
        rails.append(
            {
                **asdict(one),
                "excess_rate": found.excess_rates.get(one.name),
                "counted": [asdict(count) for count in counts],
            }
        )
    return rails


def _split(found: Findings) -> dict[str, object]:
    return {"log_e": found.log_e_split, "log_limit": found.log_limit_split}


def _event(event: BadEvent, log_e: float) -> dict[str, object]:
    plain = {**asdict(event), "key_hash": f"{event.key_hash:016x}"}
    return {**plain, "share": event.share, "log_e": log_e}


def _plain(value: object) -> object:
    """With lists for tuples, text for keys, and None for what JSON has no number for."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
