# SPDX-License-Identifier: Apache-2.0
"""Which version of a model answers requests that name none, while rollouts come and go.

Without a rollout it is the highest that is loaded. A model with a rollout policy keeps the version
that it has when a higher one is loaded, until a rollout of that one has gone live; and a version
that was rolled back stays out of the way for as long as it is loaded, also after a restart.

Of a model of a registry the champion answers, and rollouts begin by the registry's word alone.

Lives on the control thread; nothing here blocks.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol, Self

from penstock.errors import EngineError, PenstockError
from penstock.rollout.read import ROLLOUT_FILE
from penstock.rollout.record import Record
from penstock.rollout.spec import ArmSpec, RouteFileSpec, ShadowSpec

__all__ = ["Standing", "StandingRoutes"]

log = logging.getLogger(__name__)


class StandingRoutes(Protocol):
    """The routes of the core, as far as they outlast rollouts."""

    def pin(self, model: str, version: int) -> None:
        """While no trial is open, requests that name no version get this one."""

    def unpin(self, model: str) -> None:
        """They get the highest one again, or what route.toml says."""

    def set_route(self, model: str, spec: RouteFileSpec | None) -> None:
        """What route.toml says of a model that is not pinned; None: nothing. Raises EngineError or
        OptionsError for what is no route; the one before stays then.
        """


class _NoRoutes:
    def pin(self, model: str, version: int) -> None:
        pass

    def unpin(self, model: str) -> None:
        pass

    def set_route(self, model: str, spec: RouteFileSpec | None) -> None:
        pass


class Standing:
    """Made by `app`, before anything is loaded, from the rollouts that are kept, oldest first.

    `start` begins a rollout of a version that was loaded; it is called once for each.
    """

    def __init__(
        self,
        routes: StandingRoutes,
        records: Iterable[Record],
        *,
        start: Callable[[str, int], None],
    ) -> None:
        self._routes = routes
        self._start = start
        self._pins: dict[str, int] = {}
        self._pairs: dict[str, tuple[int, int]] = {}  # of rollouts that go on
        self._rolled_back: set[tuple[str, int]] = set()
        self._awaiting: dict[str, int] = {}  # newest candidates that no rollout has begun for
        self._newer: dict[str, set[int]] = {}  # to be loaded, in place of what is pinned
        self._followed: dict[str, tuple[int | None, int | None]] = {}  # champion, candidate
        self._specs: dict[str, RouteFileSpec] = {}
        for record in records:
            self._take(record)

    @classmethod
    def without_rollouts(cls) -> Self:
        """Of a server that has none: the highest version always answers."""
        return cls(_NoRoutes(), (), start=lambda model, number: None)

    def _take(self, record: Record) -> None:
        key = (record.model, record.candidate)
        self._rolled_back.discard(key)
        self._pairs.pop(record.model, None)
        if record.goes_on:
            self.began(record.model, record.stable, record.candidate)
        elif record.state == "live":
            self._pin(record.model, record.candidate)
        else:
            self._rolled_back.add(key)
            self._pin(record.model, record.stable)

    def served(self, model: str, loaded: Sequence[int]) -> int | None:
        """The version that answers requests which name none; None: none is loaded."""
        pinned = self._pins.get(model)
        return pinned if pinned in loaded else max(loaded, default=None)

    def held(self, model: str) -> set[int]:
        """Versions that stay loaded, whatever the version policy chooses."""
        pins = {self._pins[model]} if model in self._pins else set()
        spec = self._specs.get(model)
        named: tuple[ArmSpec | ShadowSpec, ...] = ()
        if spec is not None:
            named = (*spec.arms, *spec.shadows)
        routed = {one.version for one in named if one.version is not None and not one.model}
        return pins | routed | set(self._pairs.get(model, ()))

    # --- what rollouts do ---

    def began(self, model: str, stable: int, candidate: int) -> None:
        """A rollout begins, or goes on: whenever its trial is not open, stable answers."""
        self._pairs[model] = (stable, candidate)
        self._rolled_back.discard((model, candidate))
        self._pin(model, stable)
        if self._awaiting.get(model) == candidate:
            del self._awaiting[model]

    def went_live(self, model: str, candidate: int, loaded: Sequence[int]) -> None:
        """The candidate answers from now on."""
        self._pairs.pop(model, None)
        if model in self._followed:
            self._followed[model] = (candidate, None)
        if candidate == max(loaded, default=candidate):
            self._unpin(model)
        else:
            self._pin(model, candidate)
        self._begin_next(model)

    def abandoned(self, model: str) -> None:
        """A rollout could not begin after all: what was stable answers on."""
        if self._pairs.pop(model, None) is not None:
            self._begin_next(model)

    def was_rolled_back(self, model: str, candidate: int) -> None:
        """Stable answers; the candidate is not begun with again by itself."""
        self._pairs.pop(model, None)
        self._rolled_back.add((model, candidate))
        self._begin_next(model)

    # --- what the repository and the registry do ---

    def follow(
        self, model: str, champion: int | None, candidate: int | None, loaded: Sequence[int] = ()
    ) -> None:
        """What a registry names: the champion answers once it is loaded and no rollout goes on, and
        the candidate never by itself.
        """
        self._followed[model] = (champion, candidate)
        self._let_champion_answer(model, loaded)

    def leave(self, model: str) -> None:
        """No registry decides over the model any more."""
        if self._followed.pop(model, None) is not None and model not in self._pairs:
            self._unpin(model)

    def pinned(self, model: str) -> int | None:
        """The version that answers though a higher one may be loaded; None: the highest does."""
        return self._pins.get(model)

    def set_route(self, model: str, spec: RouteFileSpec | None) -> None:
        """What stands in the model's route.toml, before its versions are chosen."""
        if self._specs.get(model) == spec:
            return
        try:
            self._routes.set_route(model, spec)
        except PenstockError as error:
            log.error("route_refused", extra={"model": model, "reason": str(error)})
            return
        if spec is None:
            del self._specs[model]
        else:
            self._specs[model] = spec

    def before_load(self, model: str, number: int, folder: Path, loaded: Sequence[int]) -> bool:
        """A version is about to be published that was not there before. True: it is one of a
        rollout, and is loaded though its model may be lazy.

        `loaded`: the versions that served before this look at the model's files. Where there was
        none, as when the server starts, a version is compared with the one that answered when the
        last rollout ended; without such a one there is nothing to compare a candidate with.
        """
        if model in self._followed:
            champion, candidate = self._followed[model]
            if number == candidate and champion is not None and model not in self._pairs:
                self._pin(model, champion)
            return number == candidate
        if model in self._pairs:
            if number not in self._pairs[model]:
                self._awaiting[model] = number
            return True
        others = [version for version in loaded if version != number]
        served = self.served(model, others) if others else self._pins.get(model)
        if served is None or number == served or (model, number) in self._rolled_back:
            return False
        if not others and number < served:
            return False  # it was there all along
        if (folder / ROLLOUT_FILE).is_file():
            self._pin(model, served)
            self._awaiting[model] = number
            return True
        if self._pins.get(model) is not None and number > served:
            self._newer.setdefault(model, set()).add(number)  # no policy, so the newest answers
        return False

    def after_loads(self, model: str, loaded: Sequence[int]) -> None:
        """What was to be loaded was tried, and nothing is unloaded yet. Before that nobody knows
        whether the newest can answer, and without it a version that was rolled back might.
        """
        if model in self._followed:
            self._let_champion_answer(model, loaded)
        elif self._newer.pop(model, set()) & {*loaded}:
            self._unpin(model)

    def after_load(self, model: str, loaded: Sequence[int]) -> None:
        """Loads and unloads of a model are done; `loaded` are those that requests reach now."""
        if model in self._followed:
            self._let_champion_answer(model, loaded)
            return
        pinned = self._pins.get(model)
        if pinned is not None and loaded and pinned not in loaded and model not in self._pairs:
            log.warning("stable_version_gone", extra={"model": model, "version": pinned})
            self._unpin(model)
        if self._awaiting.get(model) in loaded:
            self._begin_next(model)

    # --- details ---

    def _let_champion_answer(self, model: str, loaded: Sequence[int]) -> None:
        champion = self._followed[model][0]
        if champion is None or model in self._pairs or champion not in loaded:
            return
        if champion == max(loaded):
            self._unpin(model)
        elif self._pins.get(model) != champion:
            self._pin(model, champion)

    def _begin_next(self, model: str) -> None:
        if model not in self._pairs and (number := self._awaiting.pop(model, None)) is not None:
            self._start(model, number)

    def _pin(self, model: str, version: int) -> None:
        try:
            self._routes.pin(model, version)
            self._pins[model] = version
        except EngineError as error:  # pragma: no cover - a name that no route can have
            log.error("version_not_pinned", extra={"model": model, "reason": str(error)})

    def _unpin(self, model: str) -> None:
        if self._pins.pop(model, None) is not None:
            self._routes.unpin(model)
