# SPDX-License-Identifier: Apache-2.0
"""Whose turn it is to move an alias.

An embedded registry has a lock file, and writers follow one another. A server of MLflow has
neither locks nor compare-and-set, so its writers tell each other by tags of the model:

    penstock.moving.champion.5f0c... = 2026-11-27T12:30:00+00:00

A writer writes a tag of its own key first, and then reads all of them. Of two writers at one time
at least one finds the other's and gives up, perhaps both do; who finds none has the alias to
itself until it takes its tag away. A tag that is older than TURN_SECONDS was left by a writer that
was killed. Whoever needs longer than that gives up itself, so the clocks of writers may differ by
no more than TURN_SECONDS - WORK_SECONDS.
"""

import contextlib
import random
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from penstock.errors import RegistryError
from penstock.registry.tags import MOVING_TAG

if TYPE_CHECKING:
    from penstock.registry.registry import Registry

__all__ = ["TURN_SECONDS", "Turn", "alias_turn", "moving_tags", "server_turn"]

#: After so many seconds nobody respects a writer's tag any more.
TURN_SECONDS = 60.0
#: After so many seconds a writer moves nothing any more.
WORK_SECONDS = 20.0
#: Between two tries of a writer that waits for its turn, seconds: from, to.
_PAUSE = (0.2, 1.0)


class Turn:
    """The right to move an alias, for a while. `seconds`: None, as long as it is held."""

    def __init__(self, alias: str, seconds: float | None, clock: Callable[[], float]) -> None:
        self._alias = alias
        self._clock = clock
        self._until = None if seconds is None else clock() + seconds

    def check(self) -> None:
        """To be asked right before the alias is moved.

        Raises:
            RegistryError: the turn has ended.
        """
        if self._until is not None and self._clock() > self._until:
            raise RegistryError(
                f"The registry is too slow to move alias {self._alias!r} safely: nothing was "
                "moved. Try again."
            )


@contextlib.contextmanager
def alias_turn(registry: "Registry", name: str, alias: str) -> Iterator[Turn]:
    """Nobody else of Penstock moves this alias of the model `name` meanwhile.

    Raises:
        RegistryError: somebody else has the turn, on a server, or the registry cannot be used.
    """
    with registry.locked(), server_turn(registry, name, alias) as turn:
        yield turn


@contextlib.contextmanager
def server_turn(registry: "Registry", name: str, alias: str, tries: int = 1) -> Iterator[Turn]:
    """The same without the lock file, for whoever holds it: an embedded registry needs no more."""
    if registry.place.file is not None:
        yield Turn(alias, None, time.monotonic)
        return
    for left in range(tries - 1, -1, -1):
        key = f"{MOVING_TAG}.{alias}.{uuid.uuid4().hex}"
        try:
            turn = _begin(registry, name, alias, key)
            break
        except RegistryError:
            _remove(registry, name, key)
            if not left:
                raise
            time.sleep(random.uniform(*_PAUSE))
        except BaseException:
            _remove(registry, name, key)
            raise
    try:
        yield turn
    finally:
        _remove(registry, name, key)


def moving_tags(
    tags: Mapping[str, str], now: datetime, *, alias: str = "", but: str = ""
) -> tuple[list[str], list[str]]:
    """Keys of the tags of writers that move `alias`, or any; and of those that were killed. Pure.

    `but`: the own key.
    """
    begin = f"{MOVING_TAG}.{alias}." if alias else f"{MOVING_TAG}."
    working: list[str] = []
    killed: list[str] = []
    for key, told in tags.items():
        if key.startswith(begin) and key != but:
            (working if _is_young(told, now) else killed).append(key)
    return working, killed


def _is_young(told: str, now: datetime) -> bool:
    try:
        age = (now - datetime.fromisoformat(told)).total_seconds()
    except (TypeError, ValueError):  # no time, or one without its zone
        return False
    return abs(age) < TURN_SECONDS


def _begin(registry: "Registry", name: str, alias: str, key: str) -> Turn:
    turn = Turn(alias, WORK_SECONDS, time.monotonic)  # begins before its tag does
    told = datetime.now(UTC).isoformat()
    registry.asked(registry.client.set_registered_model_tag, name, key, told)
    tags = registry.model_tags(name)
    working, killed = moving_tags(tags, datetime.now(UTC), alias=alias, but=key)
    if working:
        raise RegistryError(
            f"Alias {alias!r} of {name!r} is being moved by another writer: nothing was moved. "
            "Try again."
        )
    for left in killed:
        _remove(registry, name, left)
    return turn


def _remove(registry: "Registry", name: str, key: str) -> None:
    """Without a word if it cannot: it grows old, and another writer may have been first."""
    with contextlib.suppress(RegistryError):
        registry.asked(registry.client.delete_registered_model_tag, name, key)
