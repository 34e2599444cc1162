# SPDX-License-Identifier: Apache-2.0
"""Routes and their shadows in Prometheus' text format.

Shadows of a rollout are told with the rollout. Counters begin at nothing with each change of a
route.toml.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from penstock.rollout.metric_families import (
    GAUGE,
    SHADOW_FAMILIES,
    Labels,
    Sample,
    family_text,
    shadow_samples,
)
from penstock.rollout.metric_page import ControlPage
from penstock.rollout.route_status import RouteStatus

__all__ = ["FAMILIES", "RouteMetrics", "route_metrics_text"]

#: Family -> its type and its help. All of them are told, with or without samples.
FAMILIES: Mapping[str, tuple[str, str]] = {
    "arm_share_ratio": (GAUGE, "Part of the keys that the arm answers, 0 to 1."),
    **SHADOW_FAMILIES,
}


class Routes(Protocol):
    """What is asked of the routes, on the control thread."""

    def routes(self) -> Sequence[RouteStatus]:
        """Of all models that have one."""


class RouteMetrics:
    """Made on the control thread, whose loop is asked; `text` is for any other thread."""

    def __init__(self, routes: Routes, loop: asyncio.AbstractEventLoop) -> None:
        self._routes = routes
        self._page = ControlPage(self._look, loop, empty=route_metrics_text(()))

    def text(self) -> str:
        """All families. While the control thread is busy or has ended, those told before."""
        return self._page.text()

    def _look(self) -> str:
        return route_metrics_text(self._routes.routes())


def route_metrics_text(routes: Iterable[RouteStatus]) -> str:
    """All families."""
    samples: dict[str, list[Sample]] = {name: [] for name in FAMILIES}
    for status in routes:
        for name, labels, value in _samples(status):
            samples[name].append(((("model", status.model), *labels), value))
    return "".join(
        family_text(f"penstock_route_{name}", *FAMILIES[name], samples[name]) for name in FAMILIES
    )


def _samples(status: RouteStatus) -> Iterator[tuple[str, Labels, float]]:
    for arm in status.arms:
        version = "" if arm.version is None else str(arm.version)
        labels = (
            ("origin", status.origin),
            ("arm", arm.name),
            ("arm_model", arm.model),
            ("version", version),
        )
        yield "arm_share_ratio", labels, arm.share_bp / 10_000
    if status.origin != "rollout":
        for shadow in status.shadows:
            yield from shadow_samples(shadow.counts)
