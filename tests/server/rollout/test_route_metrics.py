# SPDX-License-Identifier: Apache-2.0
"""Metrics of routes, as Prometheus' own parser reads them."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from prometheus_client.parser import text_string_to_metric_families
from tests.doubles.routes import OF_FILE, PINNED, ListedRoutes

from penstock.rollout.route_metrics import FAMILIES, RouteMetrics, route_metrics_text


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name.removeprefix("penstock_route_"), frozenset(sample.labels.items())): (
            sample.value
        )
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(text: str, name: str, **labels: str) -> float:
    return samples(text)[name, frozenset(labels.items())]


def test_arms_and_shadows_of_routes_are_told() -> None:
    text = route_metrics_text([OF_FILE, PINNED])
    arm = {"model": "fraud", "origin": "file", "arm": "b", "arm_model": "fraud-trees"}
    assert value(text, "arm_share_ratio", **arm, version="") == 0.1
    shadow = {"model": "fraud", "shadow": "shadow"}
    assert value(text, "shadow_compared_total", **shadow) == 4_640
    assert value(text, "shadow_dropped_total", **shadow, reason="busy") == 310
    assert value(text, "shadow_failed_alone_total", **shadow, side="shadow") == 4


def test_shadows_of_a_rollout_are_told_with_the_rollout_alone() -> None:
    text = route_metrics_text([replace(OF_FILE, origin="rollout")])
    assert {name for name, _ in samples(text)} == {"arm_share_ratio"}


def test_every_family_is_told_without_a_route_too() -> None:
    families = {one.name for one in text_string_to_metric_families(route_metrics_text(()))}
    assert families == {f"penstock_route_{name.removesuffix('_total')}" for name in FAMILIES}


def test_a_scrape_is_answered_by_what_the_control_thread_says() -> None:
    async def scraped() -> str:
        metrics = RouteMetrics(ListedRoutes(), asyncio.get_running_loop())
        return await asyncio.to_thread(metrics.text)

    assert asyncio.run(scraped()) == route_metrics_text([OF_FILE, PINNED])
