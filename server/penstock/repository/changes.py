# SPDX-License-Identifier: Apache-2.0
"""What is to be done about models, given what is wanted and what is there. Pure functions.

The words are TensorFlow Serving's: a version is *wanted* if the policy of its model's
configuration chooses it, and *serving* while requests reach it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from penstock.repository.snapshot import ModelSnapshot

__all__ = ["QUIET_NS", "PollChanges", "poll_changes", "versions_to_load", "versions_to_unload"]

#: Files that changed later than this are taken for half written, unless two looks saw them alike.
QUIET_NS = 1_000_000_000


def versions_to_load(
    wanted: Collection[int],
    current: Collection[int],
    *,
    now: ModelSnapshot,
    tried: ModelSnapshot | None,
) -> list[int]:
    """The wanted versions that are not serving, or not as their files are `now`.

    `current` are those that serve, but for those whose last reload failed.
    `tried` is what the files were when they were last loaded; without it all are loaded.
    """
    return sorted(
        version
        for version in wanted
        if tried is None or version not in current or now.has_changed(version, tried)
    )


def versions_to_unload(
    wanted: Collection[int], serving: Collection[int], known: Collection[int]
) -> list[int]:
    """Of the `known` versions, those that go: all that are not wanted, but for one thing.

    While a wanted version is not serving, the versions that serve in its place stay.
    """
    keeps_serving = not set(wanted) <= set(serving)
    return sorted(
        version
        for version in known
        if version not in wanted and not (keeps_serving and version in serving)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PollChanges:
    """What a look at the repositories found, by model. `unsettled`: looked at again, soon."""

    load: tuple[str, ...] = ()
    unload: tuple[str, ...] = ()
    unsettled: tuple[str, ...] = ()


def poll_changes(
    tried: Mapping[str, ModelSnapshot | None],
    found: Mapping[str, ModelSnapshot],
    *,
    looked: Mapping[str, ModelSnapshot],
    now_ns: int,
) -> PollChanges:
    """What follows from a look that found `found`.

    `tried` has the models that the server knows, each as it was when it was last tried, whether
    that went well or not: what failed is tried again when something has changed. `looked` is what
    the look before found.
    """
    load: list[str] = []
    unsettled: list[str] = []
    for name, now in sorted(found.items()):
        before = tried.get(name)
        if before is not None and now.is_like(before):
            continue
        seen = looked.get(name)
        is_quiet = now.touched_ns <= now_ns - QUIET_NS or (seen is not None and now.is_like(seen))
        (load if is_quiet else unsettled).append(name)
    unload = sorted(name for name in tried if name not in found)
    return PollChanges(load=tuple(load), unload=tuple(unload), unsettled=tuple(unsettled))
