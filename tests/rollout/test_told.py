# SPDX-License-Identifier: Apache-2.0
"""What a real server tells of routes, of its shadows and of the pairs that they keep."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from tests.doubles.running import RunningServer
from tests.doubles.two_versions import BOTH, MODEL, PATIENCE_S, TwoVersions, ask, keys

from penstock_client import Client
from penstock_client.shadows import ShadowCounts, ShadowExamples

ROUTE = """
[[arms]]
name = "a"
version = 1
share_bp = 10_000

[[shadows]]
name = "next"
version = 2
examples = 5
"""
SPEC = """
[shadow]
pairs_min = 100_000
examples = 3
"""


def both(repository: Path, *, route: str = "", rows: str = BOTH) -> None:
    model = TwoVersions(repository=repository, more=rows)
    model.write(route=route)
    model.add(2)


def compared(look: Callable[[], ShadowCounts], wanted: int) -> ShadowCounts:
    """Once so many pairs were compared."""
    end = time.monotonic() + PATIENCE_S
    while (counts := look()).compared < wanted:
        assert time.monotonic() < end, counts
    return counts


def assert_twice_as_much(found: ShadowExamples, count: int) -> None:
    """Version 2 answers twice what version 1 does."""
    assert len(found.examples) == count
    pair = found.examples[0].pair
    assert pair["inputs"][0]["data"] == [1]
    assert pair["primary"]["outputs"][0]["data"] == [1]
    assert pair["shadow"]["outputs"][0]["data"] == [2]


def test_a_route_of_a_file_is_told_with_its_shadow(tmp_path: Path) -> None:
    both(tmp_path / "models", route=ROUTE)
    with RunningServer(tmp_path / "models") as server, Client(server.grpc) as client:
        ask(client, keys(20))
        look = client.routes.status
        counts = compared(lambda: look(MODEL, timeout=10).shadows[0].counts, 20)
        assert (counts.name, counts.agreed) == ("next", 0)
        assert (counts.outputs[0].name, counts.outputs[0].pairs) == ("y", 20)
        told = look(MODEL, timeout=10)
        assert (told.origin, told.arms[0].version, told.shadows[0].version) == ("file", 1, 2)
        assert [one.model for one in client.routes.list(timeout=10)] == [MODEL]
        assert_twice_as_much(client.routes.examples(MODEL, timeout=10), 5)
        labels = {"model": MODEL, "shadow": "next"}
        assert server.counted("penstock_route_shadow_compared_total", **labels) == 20


def test_the_examples_of_a_rollout_outlast_a_restart(tmp_path: Path) -> None:
    both(tmp_path / "models")
    flags = (f"--state-dir={tmp_path / 'state'}",)
    with RunningServer(tmp_path / "models", flags=flags) as server, Client(server.grpc) as client:
        client.rollouts.start(MODEL, 2, stable=1, spec=SPEC, timeout=10)
        assert client.routes.status(MODEL, timeout=10).origin == "rollout"
        ask(client, keys(20))
        look = client.rollouts.status
        compared(lambda: look(MODEL, timeout=10).evidence.shadows[0], 20)
        assert_twice_as_much(client.rollouts.examples(MODEL, timeout=10), 3)
    with RunningServer(tmp_path / "models", flags=flags) as server, Client(server.grpc) as client:
        assert_twice_as_much(client.rollouts.examples(MODEL, timeout=10), 3)
        client.rollouts.roll_back(MODEL, timeout=10)
        assert client.routes.status(MODEL, timeout=10).origin == "pin"
        assert_twice_as_much(client.rollouts.examples(MODEL, timeout=10), 3)
