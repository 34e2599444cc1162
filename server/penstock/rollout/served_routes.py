# SPDX-License-Identifier: Apache-2.0
"""The routes of a server as they may be told: without values that a package calls sensitive.

Shadows of a route.toml keep nothing that the packages beside it call sensitive. Its arms and
shadows may be versions of other models, too, whose packages come and go by themselves: what these
call sensitive is left out here, where alone anything of a route's shadows is told.
"""

import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from penstock.rollout.route_status import RouteShadow, RouteStatus
from penstock.rollout.shadow_example import ShadowExample

__all__ = ["Routes", "ServedRoutes", "without_sensitive"]


class Routes(Protocol):
    """Routes and their examples, as they are."""

    def route(self, model: str) -> RouteStatus:
        """Of one model."""

    def routes(self) -> Sequence[RouteStatus]:
        """Of all that have one."""

    def examples(self, model: str) -> Sequence[ShadowExample]:
        """Of one model's shadows, newest first."""


class SensitiveInputs(Protocol):
    """What the packages of models say of their inputs."""

    def loaded_versions(self, model: str) -> Sequence[int]:
        """Those that requests reach, ascending."""

    def sensitive(self, model: str, version: int) -> frozenset[str]:
        """Inputs whose values nobody may see."""


class ServedRoutes:
    """RouteControl. Lives on the control thread."""

    def __init__(self, routes: Routes, models: SensitiveInputs) -> None:
        self._routes = routes
        self._models = models

    def route(self, model: str) -> RouteStatus:
        """See RouteControl."""
        found = self._routes.route(model)
        if not any(one.counts.worst for one in found.shadows):
            return found
        hidden = self._sensitive(found)
        return replace(found, shadows=tuple(_without_slices(one, hidden) for one in found.shadows))

    def routes(self) -> list[RouteStatus]:
        """See RouteControl."""
        return [
            replace(one, shadows=tuple(_short(shadow) for shadow in one.shadows))
            for one in self._routes.routes()
        ]

    def examples(self, model: str) -> list[ShadowExample]:
        """See RouteControl."""
        hidden = self._sensitive(self._routes.route(model))
        return [without_sensitive(one, hidden) for one in self._routes.examples(model)]

    def _sensitive(self, route: RouteStatus) -> frozenset[str]:
        """What any version that may have taken part calls so."""
        parts = {(one.model, one.version) for one in route.arms}
        parts |= {(one.model, one.version) for one in route.shadows}
        found = frozenset[str]()
        for model, version in parts:
            numbers = self._models.loaded_versions(model) if version is None else (version,)
            for number in numbers:
                found |= self._models.sensitive(model, number)
        return found


def without_sensitive(example: ShadowExample, names: Iterable[str]) -> ShadowExample:
    """The pair without the values of these tensors, as the core writes it for them. Pure."""
    hidden = frozenset(names)
    if not hidden:
        return example
    pair = example.pair
    outputs = [pair[side].get("outputs", []) for side in ("primary", "shadow")]
    for tensor in itertools.chain(pair["inputs"], *outputs):
        if tensor["name"] in hidden:
            _hide(tensor)
    for side in ("primary", "shadow"):
        # What a model says of a failure may quote the values that it failed on.
        if (error := pair[side].get("error")) is not None:
            _hide(error)
    text = json.dumps(pair, ensure_ascii=False, separators=(",", ":"))
    return replace(example, pair_json=text)


def _hide(told: dict[str, Any]) -> None:
    for name in ("data", "cut", "message"):
        told.pop(name, None)
    told["sensitive"] = True


def _without_slices(shadow: RouteShadow, hidden: frozenset[str]) -> RouteShadow:
    # A column is named by its input, and by its number in it: "x[3]".
    worst = tuple(
        one
        for one in shadow.counts.worst
        if one.column not in hidden and one.column.rpartition("[")[0] not in hidden
    )
    return replace(shadow, counts=replace(shadow.counts, worst=worst))


def _short(shadow: RouteShadow) -> RouteShadow:
    return replace(shadow, counts=replace(shadow.counts, latency_ratio=(), outputs=(), worst=()))
