# SPDX-License-Identifier: Apache-2.0
"""What the core counts of trials and shadows, as the values that the rest of the house reads."""

import math
from collections.abc import Mapping

from penstock._core.traffic import Shadow, TrialCounts
from penstock._core.traffic import ShadowOutput as CoreShadowOutput
from penstock.rollout.evidence import (
    ArmCounts,
    BadKind,
    Cause,
    Epoch,
    Evidence,
    Guardrail,
    NativeVerdict,
    Role,
    ShadowCounts,
    ShadowOutput,
    ShadowSlice,
)
from penstock.rollout.shadow_example import ShadowExample

__all__ = ["GUARDRAILS", "KINDS", "ROLES", "evidence_of", "shadow_counts", "shadow_examples"]

ROLES: tuple[Role, ...] = ("stable", "control", "canary")
KINDS: tuple[BadKind, ...] = ("error", "timeout", "non_finite", "slow")
GUARDRAILS: Mapping[str, Guardrail] = {"errors": "errors", "latency": "latency"}
CAUSES: Mapping[str, Cause] = {
    one: one for one in ("evidence", "non_finite", "first_failures", "keys_full", "events_full")
}


def evidence_of(counts: TrialCounts, shadows: tuple[ShadowCounts, ...]) -> Evidence:
    """What a trial has counted, and what its shadows have."""
    epochs = tuple(
        Epoch(
            number=number,
            shares_bp=dict(zip(ROLES, shares, strict=True)),
            arms={
                role: ArmCounts(
                    keys=keys,
                    requests=requests,
                    bad={kind: n for kind, n in zip(KINDS, bad, strict=True) if n},
                    predictions=tuple(predictions),
                )
                for role, (keys, requests, bad, predictions) in zip(ROLES, arms, strict=True)
            },
        )
        for number, shares, arms in counts.epochs
    )
    verdict = None
    if (told := counts.verdict) is not None:
        rolls_back, cause, guardrail, log_e, log_limit, wall_ms = told
        verdict = NativeVerdict(
            rolls_back=rolls_back,
            cause=CAUSES[cause],
            guardrail=GUARDRAILS[guardrail],
            log_e=log_e,
            log_limit=log_limit,
            wall_ms=wall_ms,
        )
    return Evidence(
        epochs=epochs,
        excluded=counts.excluded,
        retried=counts.retried,
        canary_missing=counts.canary_missing,
        seen_is_full=counts.seen_is_full,
        latency_ns={
            role: tuple(buckets)
            for role, buckets in zip(ROLES, counts.latency_ns, strict=True)
            if buckets
        },
        verdict=verdict,
        shadows=shadows,
    )


def shadow_counts(name: str, shadow: Shadow) -> ShadowCounts:
    """What came of the copies that a shadow was sent."""
    counts = shadow.counts()
    return ShadowCounts(
        name=name,
        offered=counts.offered,
        dropped=counts.dropped,
        compared=counts.compared,
        agreed=counts.agreed,
        mismatched=counts.mismatched,
        discordant_shadow=counts.discordant_shadow,
        discordant_primary=counts.discordant_primary,
        both_failed=counts.both_failed,
        latency_ratio=tuple(counts.latency_ratio),
        outputs=tuple(_shadow_output(one) for one in counts.outputs),
        worst=tuple(
            ShadowSlice(
                column=column,
                is_missing=is_missing,
                low=low if math.isfinite(low) else None,
                high=high if math.isfinite(high) else None,
                rows=rows,
                agreed=agreed,
                disagreement_min=disagreement_min,
            )
            for column, is_missing, low, high, rows, agreed, disagreement_min in counts.worst
        ),
    )


def shadow_examples(name: str, shadow: Shadow) -> list[ShadowExample]:
    """The pairs that it keeps for a person to look at."""
    return [
        ShadowExample(shadow=name, wall_ms=wall_ms, key_hash=key_hash, pair_json=json)
        for wall_ms, key_hash, json in shadow.examples()
    ]


def _shadow_output(output: CoreShadowOutput) -> ShadowOutput:
    rows = max(output.probability_rows, 1)
    return ShadowOutput(
        name=output.name,
        pairs=output.pairs,
        agreed=output.agreed,
        elements=output.elements,
        identical=output.identical,
        within=output.within,
        mismatched=output.mismatched,
        absolute=tuple(output.absolute),
        relative=tuple(output.relative),
        ulps=tuple(output.ulps),
        argmax_rows=output.argmax_rows,
        argmax_agreed=output.argmax_agreed,
        flips=tuple(tuple(row) for row in output.flips),
        probability_rows=output.probability_rows,
        total_variation=output.total_variation_sum / rows,
        jensen_shannon=output.jensen_shannon_sum / rows,
    )
