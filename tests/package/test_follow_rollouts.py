# SPDX-License-Identifier: Apache-2.0
"""A real server that rolls out the candidates of an embedded registry."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from tests.doubles.processes import wait_until
from tests.package.conftest import Opened
from tests.package.test_follow_registry import Following, another, register, tags_of

from penstock.registry.policy import DEFAULT_POLICY
from penstock.registry.promotion import CANDIDATE, CHAMPION, PromotionWish, promote
from penstock.registry.registry import Registry
from penstock.registry.rolling import set_policy
from penstock.registry.tags import REFUSED_TAG, ROLLED_BACK_TAG, ROLLOUT_TAG
from penstock_client import Client, RolloutStatus

#: A rollout that takes seconds where hundreds of requests come each second.
QUICK = """
shadow = false
stages_bp = [5000, 10_000]
dwell_s = 0.5
requests_min = 50
idempotent = true

[promotion]
max_bad_rate = 0.2
harm_budget = 0.9
"""
#: One that stays where it is.
SLOW = QUICK.replace("dwell_s = 0.5", "dwell_s = 3600")
#: Beyond what the smoke request asks.
ODD = np.full((1, 4), 50.0, np.float32)
USUAL = np.full((1, 4), 1.0, np.float32)


def is_not_finite_for_odd_rows(folder: Path) -> None:
    """Its graph adds nothing, by way of the square root of 10 minus each feature."""
    path = folder / "model.onnx"
    model = onnx.load(str(path))
    (folder / "model.pnst").unlink(missing_ok=True)
    nodes = [
        helper.make_node("Sub", ["ten", "features"], ["left"]),
        helper.make_node("Sqrt", ["left"], ["root"]),
        helper.make_node("Mul", ["root", "zero"], ["nothing"]),
        helper.make_node("Add", ["features", "nothing"], ["checked"]),
    ]
    for node in model.graph.node:
        for index, name in enumerate(node.input):
            if name == "features":
                node.input[index] = "checked"
    kept = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *kept])
    for name, value in (("ten", 10.0), ("zero", 0.0)):
        model.graph.initializer.append(helper.make_tensor(name, TensorProto.FLOAT, [], [value]))
    onnx.save(model, str(path))


class Load:
    """Two clients that ask for the version that answers, until `with` ends."""

    def __init__(self, server: Following, rows: np.ndarray) -> None:
        self._server = server
        self._rows = rows
        self.failures: list[Exception] = []
        self.asked = 0
        self._ends = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(2)]

    def _ask(self) -> None:
        with Client(self._server.grpc, retry=None) as client:
            while not self._ends.is_set():
                try:
                    client.infer("iris", {"features": self._rows}, timeout=10)
                    self.asked += 1
                except Exception as error:
                    self.failures.append(error)

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        for thread in self._threads:
            thread.join()


def last(server: Following) -> RolloutStatus | None:
    with Client(server.grpc, retry=None) as client:
        found = client.rollouts.list(model="iris")
    return found[0] if found else None


def is_in(server: Following, candidate: int, *states: str) -> bool:
    found = last(server)
    return found is not None and found.candidate == candidate and found.state in states


@pytest.fixture
def rolled(registry: Opened, made_packages: dict[str, Path]) -> Registry:
    """Version 1 of iris is the champion, and its candidates are rolled out."""
    opened = registry()
    register(opened, made_packages["iris"])
    set_policy(opened, "iris", QUICK)
    return opened


def test_a_candidate_is_rolled_out_goes_live_and_is_the_champion_without_a_failed_request(
    rolled: Registry, made_packages: dict[str, Path], tmp_path: Path
) -> None:
    with Following(tmp_path / "registry") as server, Load(server, USUAL) as load:
        second = register(rolled, another(made_packages["iris"], tmp_path / "second"), CANDIDATE)
        server.wait_for("iris", second)
        assert rolled.aliases("iris") == {CHAMPION: second}
        assert is_in(server, second, "live")
        assert ROLLED_BACK_TAG not in tags_of(rolled, "iris", second)
    assert load.failures == []
    assert load.asked > 0


def test_a_candidate_that_fails_is_rolled_back_tagged_and_not_begun_with_again(
    rolled: Registry, made_packages: dict[str, Path], tmp_path: Path
) -> None:
    bad = another(made_packages["iris"], tmp_path / "bad", change=is_not_finite_for_odd_rows)
    with Following(tmp_path / "registry") as server, Load(server, ODD) as load:
        second = register(rolled, bad, CANDIDATE)
        wait_until(lambda: is_in(server, second, "rolled_back"), "it is rolled back")
        server.wait_for("iris", 1)
        wait_until(lambda: rolled.aliases("iris") == {CHAMPION: 1}, "it is the candidate no more")
        told = last(server)
        assert told is not None
        assert told.why in tags_of(rolled, "iris", second)[ROLLED_BACK_TAG]
        rolled.client.set_registered_model_alias("iris", CANDIDATE, str(second))
        third = register(rolled, another(made_packages["iris"], tmp_path / "third"), CANDIDATE)
        server.wait_for("iris", third)
    assert load.failures == []


def test_the_end_of_a_rollout_is_told_to_a_registry_that_comes_back_after_a_restart(
    rolled: Registry, made_packages: dict[str, Path], tmp_path: Path
) -> None:
    """The restart is in the middle of the rollout, and the registry is away by then."""
    set_policy(rolled, "iris", QUICK.replace("dwell_s = 0.5", "dwell_s = 6"))
    file, elsewhere = tmp_path / "registry" / "mlflow.db", tmp_path / "elsewhere.db"
    flags = (f"--registry-cache={tmp_path / 'cache'}", f"--state-dir={tmp_path / 'state'}")
    with Following(tmp_path / "registry", *flags) as server, Load(server, USUAL):
        second = register(rolled, another(made_packages["iris"], tmp_path / "second"), CANDIDATE)
        wait_until(lambda: is_in(server, second, "canary"), "it is a canary")
        file.rename(elsewhere)
    with Following(tmp_path / "registry", *flags) as server, Load(server, USUAL) as load:
        assert server.versions("iris") == ("1", str(second))
        assert is_in(server, second, "canary")
        wait_until(lambda: is_in(server, second, "live"), "it is live", patience_s=60)
        wait_until(lambda: "rollout_champion_not_told" in server.log(), "nobody could be told")
        assert server.versions("iris") == ("1", str(second))
        elsewhere.rename(file)
        wait_until(
            lambda: rolled.aliases("iris") == {CHAMPION: second}, "it is told", patience_s=90
        )
        server.wait_for("iris", second)
        assert load.failures == []


def test_the_registry_wins_over_a_rollout_that_goes_on(
    rolled: Registry, made_packages: dict[str, Path], tmp_path: Path
) -> None:
    set_policy(rolled, "iris", SLOW)
    iris = made_packages["iris"]
    second, third, fourth = (
        register(rolled, another(iris, tmp_path / name), "staging") for name in ("b", "c", "d")
    )

    def name(alias: str, version: int) -> None:
        rolled.client.set_registered_model_alias("iris", alias, str(version))

    with Following(tmp_path / "registry") as server, Load(server, USUAL) as load:
        name(CANDIDATE, second)
        wait_until(lambda: is_in(server, second, "canary"), "the second is a canary")
        name(CANDIDATE, third)
        wait_until(lambda: is_in(server, third, "canary"), "the third is a canary")
        assert f"moved to version {third}" in tags_of(rolled, "iris", second)[ROLLED_BACK_TAG]
        name(CHAMPION, third)
        wait_until(lambda: is_in(server, third, "live"), "the third is live")
        server.wait_for("iris", third)
        name(CANDIDATE, 1)
        wait_until(lambda: is_in(server, 1, "canary"), "the first is a canary")
        rolled.client.delete_registered_model_alias("iris", CANDIDATE)
        wait_until(lambda: is_in(server, 1, "rolled_back"), "it is rolled back")
        wait_until(lambda: ROLLED_BACK_TAG in tags_of(rolled, "iris", 1), "it is told")
        promote(rolled, PromotionWish(name="iris", which="1", is_forced=True))
        wait_until(lambda: is_in(server, 1, "canary"), "it is a canary again")
        name(CHAMPION, fourth)
        server.wait_for("iris", fourth)
        assert is_in(server, 1, "rolled_back")
    assert load.failures == []


def test_a_first_candidate_is_promoted_and_one_without_a_policy_that_is_one_is_refused(
    registry: Opened, made_packages: dict[str, Path], tmp_path: Path
) -> None:
    opened = registry()
    register(opened, made_packages["iris"], CANDIDATE)
    opened.client.set_registered_model_tag("iris", ROLLOUT_TAG, "true")
    with Following(tmp_path / "registry") as server:
        wait_until(lambda: REFUSED_TAG in tags_of(opened, "iris", 1), "it is refused")
        reason = tags_of(opened, "iris", 1)[REFUSED_TAG]
        assert "is no rollout policy: wanted 'default' or the text of a rollout.toml" in reason
        assert reason in server.log()
        set_policy(opened, "iris", DEFAULT_POLICY)
        wait_until(lambda: server.index("iris") == {"1": ("READY", "")}, "it serves")
        wait_until(lambda: opened.aliases("iris") == {CHAMPION: 1}, "it is promoted")
        wait_until(lambda: REFUSED_TAG not in tags_of(opened, "iris", 1), "it is served")
        assert "registry_first_version_promoted" in server.log()
