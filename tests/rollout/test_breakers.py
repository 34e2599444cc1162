# SPDX-License-Identifier: Apache-2.0
"""What takes a candidate out of a real server's traffic, or leaves it to a person."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from tests.doubles.running import RunningServer
from tests.doubles.two_versions import (
    BOTH,
    EXPLICIT,
    FAILS,
    Asked,
    TwoVersions,
    ask,
    is_state,
    until,
)

from penstock_client import Client, RolloutStatus

AT_HALF = """
stages_bp = [4_000, 10_000]
dwell_s = 600
"""
X = np.ones((1, 1), np.float32)
NO_SHADOW = AT_HALF + "shadow = false\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A model for each test, named by what its version 2 does."""
    folder = tmp_path_factory.mktemp("breakers")
    candidates = {
        "nan": "y = y * np.nan",
        "slow": "time.sleep(0.08)",
        "shifted": "",
        "failing": FAILS,
        "good": "",
    }
    for name, code in candidates.items():
        files = TwoVersions(repository=folder / "models", name=name, more=BOTH)
        files.write()
        files.add(2, code=code)
    crashing = TwoVersions(
        repository=folder / "models",
        name="crashing",
        more=BOTH + '\nparameters { key: "penstock.isolation" value { string_value: "process" } }',
    )
    crashing.write()
    crashing.add(2, code="os._exit(3)")
    with RunningServer(folder / "models", flags=EXPLICIT) as made:
        yield made


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    with Client(server.grpc) as made:
        yield made


def ended(client: Client, model: str, spec: str, *states: str) -> tuple[RolloutStatus, Asked]:
    """A rollout of version 2, asked by ever new keys until it is in one of `states`."""
    fresh = (f"user-{number}" for number in itertools.count())
    seen = Asked()
    client.rollouts.start(model, 2, stable=1, spec=spec)
    status = until(
        client,
        is_state(*states),
        f"it is {' or '.join(states)}",
        model=model,
        meanwhile=lambda: seen.add(ask(client, itertools.islice(fresh, 10), model=model)),
    )
    return status, seen


def test_an_answer_that_is_not_finite_takes_a_candidate_out(client: Client) -> None:
    client.rollouts.start("nan", 2, stable=1, spec=NO_SHADOW)
    answered = (client.infer("nan", {"x": X}, sticky_key=f"user-{n}") for n in range(1000))
    arms = [one.arm for one in itertools.takewhile(lambda one: one.arm != "canary", answered)]
    status = until(client, is_state("rolled_back"), "it is rolled back", model="nan")
    assert status.evidence.verdict is not None
    assert status.evidence.verdict.cause == "non_finite", (status.why, arms)
    # It was the only one.
    assert ask(client, [f"user-{n}" for n in range(300)], model="nan").counts() == {
        ("stable", "1"): 300
    }


def test_a_candidate_whose_process_dies_is_rolled_back(client: Client) -> None:
    status, seen = ended(client, "crashing", NO_SHADOW + "idempotent = true\n", "rolled_back")
    assert not seen.failures, seen.failures[:3]
    assert status.why in (
        "A process of the candidate died.",
        "The first requests of the canary all failed while stable answered.",
    )


def test_a_candidate_that_answers_late_is_rolled_back_against_its_control_slice(
    client: Client,
) -> None:
    spec = NO_SHADOW + "[guardrails.latency]\nslo_ms = 40\n"
    status, seen = ended(client, "slow", spec, "rolled_back")
    verdict = status.evidence.verdict
    assert verdict is not None and verdict.guardrail == "latency", status.why
    assert not seen.failures
    slow = {
        arm: sum(epoch.arms[arm].bad.get("slow", 0) for epoch in status.evidence.epochs)
        for arm in ("control", "canary")
    }
    assert slow["canary"] > slow["control"], slow


def test_a_candidate_whose_answers_are_spread_differently_is_rolled_back(client: Client) -> None:
    spec = NO_SHADOW + '[guardrails.predictions]\noutput = "y"\nedges = [1.5]\n'
    status, seen = ended(client, "shifted", spec, "rolled_back")
    assert status.why.startswith("The evidence of predictions that the canary differs"), status.why
    assert not seen.failures


def test_a_shadow_that_fails_never_gets_a_request_of_its_own(client: Client) -> None:
    status, seen = ended(client, "failing", AT_HALF, "rolled_back")
    assert status.why.startswith("The shadow fails where the primary answers"), status.why
    assert [line.state for line in status.log] == ["loaded", "shadow", "rolled_back"]
    assert not seen.failures and {version for _, version in seen.arms.values()} == {"1"}


def test_a_rollout_without_a_decision_is_held_until_somebody_decides(client: Client) -> None:
    status, _ = ended(client, "good", NO_SHADOW + "duration_max_s = 1\n", "held")
    assert any("Nothing was decided" in line.why for line in status.log), status.log
    assert ask(client, [f"user-{n}" for n in range(100)], model="good").counts()[("canary", "2")]
    assert client.rollouts.promote("good").state == "live"
    until(client, lambda one: one.state == "live", "it is live", model="good")
