# SPDX-License-Identifier: Apache-2.0
"""What is to be done about the models of a registry, given what its alias names. Pure.

The words are TensorFlow Serving's: a version is *wanted* if the alias names it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from penstock.registry.entries import ModelAlias

__all__ = ["Refusal", "next_try", "versions_to_try"]

#: Seconds before a version that was refused is tried again: the first time, and at most.
#: What may pass is a store that is away, a full disk or memory that was short.
RETRY_SECONDS = 5.0
RETRY_SECONDS_MAX = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A version that could not be served, and when it is tried again."""

    version: ModelAlias
    reason: str
    tries: int
    again_at: float  # seconds of a clock that only goes forward


def versions_to_try(
    wanted: Mapping[str, ModelAlias],
    serving: Mapping[str, ModelAlias],
    refused: Mapping[str, Refusal],
    *,
    now: float,
) -> dict[str, ModelAlias]:
    """The versions to fetch and load, by model: those that are wanted and not serving, but for
    those that were refused and have to wait.
    """
    return {
        name: version
        for name, version in sorted(wanted.items())
        if serving.get(name) != version
        and not (
            (before := refused.get(name)) and before.version == version and now < before.again_at
        )
    }


def next_try(before: Refusal | None, version: ModelAlias, reason: str, *, now: float) -> Refusal:
    """The refusal of `version`, tried again later each time."""
    tries = before.tries + 1 if before is not None and before.version == version else 1
    wait = min(RETRY_SECONDS * 2 ** min(tries - 1, 16), RETRY_SECONDS_MAX)
    return Refusal(version=version, reason=reason, tries=tries, again_at=now + wait)
