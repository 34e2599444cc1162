# SPDX-License-Identifier: Apache-2.0
"""What is to be done about the models of a registry, given what its alias names. Pure.

The words are TensorFlow Serving's: a version is *wanted* if the alias names it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from penstock.registry.entries import LookedModel, ModelAlias

__all__ = ["Plan", "Refusal", "RolloutEnd", "next_try", "plan_of", "versions_to_try"]

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


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutEnd:
    """What the registry makes of a rollout that goes on here. `why`: one sentence."""

    is_live: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be true of one model.

    `champion` serves; None: nothing of the model does. `candidate` is loaded beside it. `is_first`:
    the champion is a candidate that the alias does not name yet. `end`: of the rollout here.
    """

    champion: ModelAlias | None
    candidate: ModelAlias | None = None
    is_first: bool = False
    end: RolloutEnd | None = None


def plan_of(
    looked: LookedModel, *, has_policy: bool, ongoing: tuple[int, int] | None, is_new: bool
) -> Plan:
    """What a look at the registry asks for. Pure.

    `has_policy`: the model's policy is one that can be followed. `ongoing`: stable and candidate
    of the rollout that goes on here; one that goes on needs no policy any more. `is_new`: nothing
    of the model serves but, maybe, the candidate.
    """
    end = _end_of(looked, *ongoing) if ongoing else None
    candidate = looked.candidate
    if candidate is None or looked.rolled_back or looked.is_archived or candidate == looked.served:
        return Plan(champion=looked.served, end=end)
    if looked.served is None:
        # Without a policy that can be followed, somebody has to be told why it is not served.
        if has_policy and is_new:
            return Plan(champion=candidate, is_first=True, end=end)
        refused = candidate if looked.policy and is_new else None
        return Plan(champion=None, candidate=refused, end=end)
    goes_on = ongoing is not None and end is None
    return Plan(
        champion=looked.served, candidate=candidate if looked.policy or goes_on else None, end=end
    )


def _end_of(looked: LookedModel, stable: int, candidate: int) -> RolloutEnd | None:
    served = looked.served.version if looked.served else None
    named = looked.candidate.version if looked.candidate else None
    if served == candidate:
        return RolloutEnd(is_live=True, why="The alias champion was moved to it by somebody else.")
    if served is None:
        why = "The alias champion was taken away."
    elif served != stable:
        why = f"The alias champion was moved to version {served} by somebody else."
    elif named is None:
        why = "The alias candidate was taken away."
    elif named != candidate:
        why = f"The alias candidate was moved to version {named}, which is rolled out next."
    elif looked.rolled_back:
        why = f"Another server rolled it back: {looked.rolled_back}"
    elif looked.is_archived:
        why = "It was archived."
    else:
        return None
    return RolloutEnd(is_live=False, why=why)
