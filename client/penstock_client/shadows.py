# SPDX-License-Identifier: Apache-2.0
"""What a server says of shadows. Values only; their fields are those of proto/admin.proto."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "ClassFlip",
    "ShadowCounts",
    "ShadowExample",
    "ShadowExamples",
    "ShadowOutput",
    "ShadowSlice",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassFlip:
    """Rows of which the primary says one class and the shadow another, or the same."""

    primary: int
    shadow: int
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowOutput:
    """How one output differs from the primary's, over all pairs.

    `identical` and `within` the tolerance: of its `elements`. `absolute`, `relative`: elements by
    powers of two of the difference: the first count is of none, and count k of
    [2^(k-42), 2^(k-41)). `ulps`: in units in the last place: count k is of [2^(k-1), 2^k).
    `total_variation`, `jensen_shannon`: means over `probability_rows`, the second in nats.
    """

    name: str
    pairs: int = 0
    agreed: int = 0
    elements: int = 0
    identical: int = 0
    within: int = 0
    mismatched: Mapping[str, int] = field(default_factory=dict)
    absolute: tuple[int, ...] = ()
    relative: tuple[int, ...] = ()
    ulps: tuple[int, ...] = ()
    argmax_rows: int = 0
    argmax_agreed: int = 0
    flips: tuple[ClassFlip, ...] = ()
    probability_rows: int = 0
    total_variation: float = 0.0
    jensen_shannon: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowSlice:
    """Rows whose column lies in [low, high), or is missing; None: no such bound.

    The rate of disagreement is at least `disagreement_min`, for sure.
    """

    column: str
    is_missing: bool
    low: float | None
    high: float | None
    rows: int
    agreed: int
    disagreement_min: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowCounts:
    """What came of the copies that one shadow was sent; `dropped` by reason.

    `latency_ratio`: pairs by the shadow's time over the primary's: count k is of
    [2^((k-32)/4), 2^((k-31)/4)). `worst`: the slices that disagree most for sure, worst first.
    """

    name: str
    offered: int
    dropped: Mapping[str, int]
    compared: int
    agreed: int
    mismatched: Mapping[str, int]
    discordant_shadow: int
    discordant_primary: int
    both_failed: int = 0
    latency_ratio: tuple[int, ...] = ()
    outputs: tuple[ShadowOutput, ...] = ()
    worst: tuple[ShadowSlice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowExample:
    """A pair of answers that did not agree, or of which one side alone failed.

    `shadow`: its name. `wall_ms`: since 1970, UTC. `key_hash`: 16 hexadecimal digits.
    """

    shadow: str
    wall_ms: int
    key_hash: str
    pair_json: str

    @property
    def pair(self) -> dict[str, Any]:
        """The `request_id`, `inputs`, and what `primary` and `shadow` answered.

        An answer has `outputs`, or an `error` with `code` and `message`. Tensors have `name`,
        `datatype`, `shape` and `data`, flat, with `cut` if there is more. In place of `data` and
        `message` stands `sensitive` where they may not be kept.
        """
        read: dict[str, Any] = json.loads(self.pair_json)
        return read


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowExamples:
    """Examples, newest first. `left_out`: older ones that are kept besides.

    `rollout`: the id of the one that they are of; empty: a route's.
    """

    rollout: str
    examples: tuple[ShadowExample, ...]
    left_out: int
