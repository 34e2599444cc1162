# SPDX-License-Identifier: Apache-2.0
"""Requests of a running server are copied to shadows, and no request minds."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.doubles.model_files import add_affine, add_python
from tests.doubles.processes import wait_until
from tests.doubles.running import PATIENCE_S, RunningServer

from penstock_client import Client

#: Two versions that are this far apart agree where the answer is large, and not where it is small.
ADDED = {1: 1.0, 2: 1.0005}
RELATIVE = 1e-4
REQUESTS = 200

#: Leaves a mark each time it is asked, then does what its name says, or answers as "good" does.
SHADOW = """
    import os
    import pathlib
    import threading


    class Shadow:
        def load(self, context):
            self.model = context.model

        def execute(self, batch):
            with pathlib.Path({marks!r}, self.model).open("a") as marks:
                marks.write(".")
            match self.model:
                case "crashes":
                    os._exit(3)
                case "hangs":
                    threading.Event().wait()
                case "raises":
                    raise ValueError("a shadow that raises")
            return {{"y": batch["x"]}}
"""
ISOLATED = """
    max_batch_size: 8
    parameters { key: "penstock.isolation" value { string_value: "process" } }
"""
WAYS_TO_FAIL = ("crashes", "hangs", "raises")


def call(server: RunningServer, method: str, path: str, body: Any = None) -> Any:
    """What an admin route answers."""
    request = urllib.request.Request(
        f"http://{server.rest}/admin/v1/rollouts{path}",
        data=None if body is None else json.dumps(body).encode(),
        method=method,
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def shadow_counts(server: RunningServer, model: str) -> dict[str, Any]:
    shadows = call(server, "GET", f"/{model}")["evidence"]["shadows"]
    counts: dict[str, Any] = shadows[0] if shadows else {"offered": 0, "compared": 0, "dropped": {}}
    return counts


def ended(counts: dict[str, Any]) -> int:
    """Copies that are under way no more, if nobody failed."""
    dropped: dict[str, int] = counts["dropped"]
    return int(counts["compared"]) + sum(dropped.values())


def agree(one: np.ndarray, other: np.ndarray) -> bool:
    """As docs/shadow.md says, in binary64."""
    a, b = one.astype(np.float64), other.astype(np.float64)
    room = np.maximum(1e-6, RELATIVE * np.maximum(np.abs(a), np.abs(b)))
    return bool((np.abs(a - b) <= room).all())


def test_agreement_with_a_shadow_is_what_an_offline_recount_finds(tmp_path: Path) -> None:
    repository = tmp_path / "models"
    for version, add in ADDED.items():
        config = "max_batch_size: 8 version_policy { all { } }"
        add_affine(repository, "affine", version=version, add=add, config=config)
    random = np.random.default_rng(5)
    with RunningServer(repository) as server, Client(server.grpc) as client:
        call(
            server,
            "POST",
            "",
            {
                "model": "affine",
                "candidate": 2,
                "stable": 1,
                "spec": {"shadow": {"pairs_min": 10**6, "relative": RELATIVE, "examples": 7}},
            },
        )
        wait_until(
            lambda: call(server, "GET", "/affine")["state"] == "shadow", "the shadow gets copies"
        )
        agreed = 0
        for _ in range(REQUESTS):
            x = random.uniform(-8, 8, (random.integers(1, 4), 3)).astype(np.float32)
            both = [
                client.infer("affine", {"x": x}, timeout=PATIENCE_S, version=str(v))["y"]
                for v in (1, 2)
            ]
            agreed += agree(*both)
            answer = client.infer("affine", {"x": x}, timeout=PATIENCE_S)["y"]
            np.testing.assert_array_equal(answer, both[0])  # stable's, whatever the shadow says
        wait_until(
            lambda: ended(shadow_counts(server, "affine")) == REQUESTS, "each copy was compared"
        )
        counts = shadow_counts(server, "affine")
        assert counts["offered"] == REQUESTS
        assert sum(counts["dropped"].values()) == 0
        assert counts["compared"] == REQUESTS
        assert counts["agreed"] == agreed
        assert 0 < agreed < REQUESTS
        assert counts["discordant_shadow"] == counts["discordant_primary"] == 0


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningServer, Path]]:
    """Models that each have a shadow which fails in its own way."""
    folder = tmp_path_factory.mktemp("failing")
    repository, marks = folder / "models", folder / "marks"
    marks.mkdir()
    tensors = [("x", "TYPE_FP32", [2])]
    for way in WAYS_TO_FAIL:
        code = SHADOW.format(marks=str(marks))
        add_python(repository, way, code, inputs=tensors, more=ISOLATED)
        primary = f"before_{way}"
        add_python(repository, primary, code, inputs=tensors, more="max_batch_size: 8")
        (repository / primary / "route.toml").write_text(
            f'arms = [{{ name = "main", share_bp = 10000 }}]\n[[shadows]]\nmodel = "{way}"\n'
        )
    with RunningServer(repository) as server:
        yield server, marks


@pytest.mark.parametrize("way", WAYS_TO_FAIL)
def test_no_request_fails_or_waits_for_a_shadow_that(
    failing: tuple[RunningServer, Path], way: str
) -> None:
    server, marks = failing
    with Client(server.grpc, retry=None) as client:

        def ask() -> None:
            x = np.array([[1, 2]], np.float32)
            answer = client.infer(f"before_{way}", {"x": x}, timeout=PATIENCE_S)["y"]
            np.testing.assert_array_equal(answer, x)

        def was_asked() -> bool:
            ask()
            return (marks / way).exists()

        wait_until(was_asked, f"a shadow {way}")
        for _ in range(REQUESTS // 4):
            ask()


def test_a_shadow_that_hangs_holds_up_no_drain(tmp_path: Path) -> None:
    repository, marks = tmp_path / "models", tmp_path / "marks"
    marks.mkdir()
    code = SHADOW.format(marks=str(marks))
    tensors = [("x", "TYPE_FP32", [2])]
    add_python(repository, "hangs", code, inputs=tensors, more=ISOLATED)
    add_python(repository, "good", code, inputs=tensors, more="max_batch_size: 8")
    (repository / "good" / "route.toml").write_text(
        'arms = [{ name = "main", share_bp = 10000 }]\n[[shadows]]\nmodel = "hangs"\n'
    )
    with (
        RunningServer(repository, flags=("--exit-timeout-secs=600",)) as server,
        Client(server.grpc, retry=None) as client,
    ):

        def hangs() -> bool:
            client.infer("good", {"x": np.array([[1, 2]], np.float32)}, timeout=PATIENCE_S)
            return (marks / "hangs").exists()

        wait_until(hangs, "the shadow hangs")
        server.drain()
        assert server.wait() == 0  # long before the exit timeout
