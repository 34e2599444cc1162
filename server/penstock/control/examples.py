# SPDX-License-Identifier: Apache-2.0
"""How many examples of a shadow one answer has. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from penstock.errors import RolloutError
from penstock.rollout.shadow_example import ShadowExample

__all__ = ["EXAMPLES_DEFAULT", "EXAMPLES_MAX", "ExamplesFound", "found_examples"]

#: Examples in one answer: without a limit, and at most, which is what four shadows keep.
EXAMPLES_DEFAULT = 20
EXAMPLES_MAX = 400
#: Characters of their JSON in one answer, so that clients of gRPC take it (4 MiB of bytes). The
#: first one has a place whatever its size.
CHARACTERS_MAX = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ExamplesFound:
    """Newest first. `rollout`: whose they are; empty: a route's. `left_out`: kept besides."""

    rollout: str
    examples: tuple[ShadowExample, ...]
    left_out: int


def found_examples(
    kept: Sequence[ShadowExample], *, rollout: str = "", limit: int = 0
) -> ExamplesFound:
    """The first `limit` of `kept`, or fewer that fit into an answer; 0: EXAMPLES_DEFAULT.

    Raises RolloutError for a limit beyond EXAMPLES_MAX.
    """
    if not 0 <= limit <= EXAMPLES_MAX:
        raise RolloutError(f"a list has at most {EXAMPLES_MAX} examples, found limit {limit}.")
    taken: list[ShadowExample] = []
    characters = 0
    for one in kept[: limit or EXAMPLES_DEFAULT]:
        characters += len(one.pair_json)
        if taken and characters > CHARACTERS_MAX:
            break
        taken.append(one)
    return ExamplesFound(rollout=rollout, examples=tuple(taken), left_out=len(kept) - len(taken))
