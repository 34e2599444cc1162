# SPDX-License-Identifier: Apache-2.0
"""What a server says of shadows, read from its messages. Pure."""

from __future__ import annotations

from penstock_client._proto import admin_pb2 as pb
from penstock_client.shadows import (
    ClassFlip,
    ShadowCounts,
    ShadowExample,
    ShadowExamples,
    ShadowOutput,
    ShadowSlice,
)

__all__ = ["examples_of", "shadow_of"]


def shadow_of(found: pb.ShadowCounts) -> ShadowCounts:
    """What came of the copies that one shadow was sent."""
    return ShadowCounts(
        name=found.name,
        offered=found.offered,
        dropped=dict(found.dropped),
        compared=found.compared,
        agreed=found.agreed,
        mismatched=dict(found.mismatched),
        discordant_shadow=found.discordant_shadow,
        discordant_primary=found.discordant_primary,
        both_failed=found.both_failed,
        latency_ratio=tuple(found.latency_ratio),
        outputs=tuple(_output(one) for one in found.outputs),
        worst=tuple(_slice(one) for one in found.worst),
    )


def examples_of(found: pb.ShadowExamples) -> ShadowExamples:
    """Pairs for a person to look at."""
    return ShadowExamples(
        rollout=found.rollout,
        examples=tuple(
            ShadowExample(
                shadow=one.shadow,
                wall_ms=one.wall_ms,
                key_hash=one.key_hash,
                pair_json=one.pair_json,
            )
            for one in found.examples
        ),
        left_out=found.left_out,
    )


def _output(found: pb.ShadowOutput) -> ShadowOutput:
    return ShadowOutput(
        name=found.name,
        pairs=found.pairs,
        agreed=found.agreed,
        elements=found.elements,
        identical=found.identical,
        within=found.within,
        mismatched=dict(found.mismatched),
        absolute=tuple(found.absolute),
        relative=tuple(found.relative),
        ulps=tuple(found.ulps),
        argmax_rows=found.argmax_rows,
        argmax_agreed=found.argmax_agreed,
        flips=tuple(
            ClassFlip(primary=one.primary, shadow=one.shadow, rows=one.rows) for one in found.flips
        ),
        probability_rows=found.probability_rows,
        total_variation=found.total_variation,
        jensen_shannon=found.jensen_shannon,
    )


def _slice(found: pb.ShadowSlice) -> ShadowSlice:
    return ShadowSlice(
        column=found.column,
        is_missing=found.is_missing,
        low=found.low if found.HasField("low") else None,
        high=found.high if found.HasField("high") else None,
        rows=found.rows,
        agreed=found.agreed,
        disagreement_min=found.disagreement_min,
    )
