# SPDX-License-Identifier: Apache-2.0
"""Shadows as messages of Penstock's admin service, and their examples as JSON. Pure."""

import json
from typing import Any

from penstock.control.examples import ExamplesFound
from penstock.control.messages_json import message_json
from penstock.rollout.evidence import ShadowCounts, ShadowOutput, ShadowSlice
from penstock_client._proto import admin_pb2 as pb

__all__ = ["examples_json", "examples_message", "shadow_message"]


def shadow_message(counts: ShadowCounts) -> pb.ShadowCounts:
    """What came of the copies that one shadow was sent."""
    return pb.ShadowCounts(
        name=counts.name,
        offered=counts.offered,
        dropped=counts.dropped,
        compared=counts.compared,
        agreed=counts.agreed,
        mismatched=counts.mismatched,
        discordant_shadow=counts.discordant_shadow,
        discordant_primary=counts.discordant_primary,
        both_failed=counts.both_failed,
        latency_ratio=counts.latency_ratio,
        outputs=[_output(one) for one in counts.outputs],
        worst=[_slice(one) for one in counts.worst],
    )


def examples_message(found: ExamplesFound) -> pb.ShadowExamples:
    """Pairs for a person to look at."""
    return pb.ShadowExamples(
        rollout=found.rollout,
        examples=[
            pb.ShadowExample(
                shadow=one.shadow,
                wall_ms=one.wall_ms,
                key_hash=f"{one.key_hash:016x}",
                pair_json=one.pair_json,
            )
            for one in found.examples
        ],
        left_out=found.left_out,
    )


def examples_json(found: ExamplesFound) -> dict[str, Any]:
    """The same as JSON, in which a pair is an object."""
    told = message_json(examples_message(found))
    for one in told["examples"]:
        one["pair"] = json.loads(one.pop("pair_json"))
    return told


def _output(one: ShadowOutput) -> pb.ShadowOutput:
    return pb.ShadowOutput(
        name=one.name,
        pairs=one.pairs,
        agreed=one.agreed,
        elements=one.elements,
        identical=one.identical,
        within=one.within,
        mismatched=one.mismatched,
        absolute=one.absolute,
        relative=one.relative,
        ulps=one.ulps,
        argmax_rows=one.argmax_rows,
        argmax_agreed=one.argmax_agreed,
        flips=[
            pb.ClassFlip(primary=primary, shadow=shadow, rows=rows)
            for primary, row in enumerate(one.flips)
            for shadow, rows in enumerate(row)
            if rows
        ],
        probability_rows=one.probability_rows,
        total_variation=one.total_variation,
        jensen_shannon=one.jensen_shannon,
    )


def _slice(one: ShadowSlice) -> pb.ShadowSlice:
    return pb.ShadowSlice(
        column=one.column,
        is_missing=one.is_missing,
        low=one.low,
        high=one.high,
        rows=one.rows,
        agreed=one.agreed,
        disagreement_min=one.disagreement_min,
    )
