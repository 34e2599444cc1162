# SPDX-License-Identifier: Apache-2.0
"""Rollouts of a real server, from the folder of a new version to the end."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.doubles.processes import wait_until
from tests.doubles.running import RunningServer
from tests.doubles.two_versions import (
    AT_5_PERCENT,
    BOTH,
    EXPLICIT,
    FAILS,
    MODEL,
    POLLING,
    QUICK,
    Asked,
    TwoVersions,
    ask,
    ask_rest,
    is_state,
    keys,
    post,
    until,
)

from penstock_client import Client, RolloutStatus

#: What makes FAILS_ON_REQUEST fail.
FAIL = 7.0
FAILS_ON_REQUEST = f"""
if x[0, 0] == {FAIL}:
    raise ValueError("as you wish")
"""


def repository(tmp_path: Path) -> TwoVersions:
    return TwoVersions(repository=tmp_path / "models")


def kept_in(tmp_path: Path) -> str:
    return f"--state-dir={tmp_path / 'state'}"


def until_kept(client: Client) -> RolloutStatus:
    """Looks until another look is over, so that what this one found is kept."""
    why = client.rollouts.status(MODEL).why
    return until(client, lambda one: one.why != why, "it is looked at again")


def test_a_good_candidate_goes_live_and_no_request_fails_meanwhile(tmp_path: Path) -> None:
    files = repository(tmp_path)
    files.write(rollout=QUICK)
    fresh = (f"user-{number}" for number in itertools.count())
    seen = Asked()
    with RunningServer(files.repository, flags=POLLING) as server, Client(server.grpc) as client:
        assert ask(client, keys(20)).counts() == {("", "1"): 20}
        files.add(2)
        status = until(
            client,
            is_state("live"),
            "it is live",
            meanwhile=lambda: seen.add(ask(client, itertools.islice(fresh, 50))),
        )
        assert not seen.failures, seen.failures[:3]
        assert {*seen.counts()} >= {("stable", "1"), ("control", "1"), ("canary", "2")}
        assert [line.canary_bp for line in status.log] == [0, 2000, 5000, 10_000], status.log
        wait_until(lambda: client.model_metadata(MODEL).versions == ("2",), "version 1 is unloaded")
        assert ask(client, keys(20)).counts() == {("", "2"): 20}
        assert ask_rest(server.rest, headers={"penstock-sticky-key": "user-1"}) == ("", "2")


def test_the_third_failed_key_takes_a_candidate_out_and_no_client_sees_it(tmp_path: Path) -> None:
    files = repository(tmp_path)
    files.write(rollout=AT_5_PERCENT + "idempotent = true")
    flags = (*POLLING, kept_in(tmp_path))
    with RunningServer(files.repository, flags=flags) as server, Client(server.grpc) as client:
        files.add(2, code=FAILS)
        until(client, is_state("canary"), "the canary begins")
        # Each key comes twice: a client that asks again has no more weight than one that does not.
        asked = ask(client, [key for key in keys(400) for _ in range(2)])
        assert asked.counts() == {**asked.counts(), ("stable", "1"): 400 - _controls(asked)}
        assert not asked.failures, asked.failures[:3]
        status = until(client, is_state("rolled_back"), "it is rolled back")
        verdict = status.evidence.verdict
        assert verdict is not None and verdict.rolls_back, status.why
        # Two keys failed twice, and the third once.
        bad = sum(epoch.arms["canary"].bad.get("error", 0) for epoch in status.evidence.epochs)
        assert (bad, status.evidence.retried) == (5, 5)
        assert client.rollouts.explain(MODEL)["verdict"]["agrees"] is True
        assert ask(client, keys(300)).counts() == {("stable", "1"): 300}
        server.process.kill()
        server.wait()
    for _ in range(2):  # after a kill, and after an orderly end
        with RunningServer(files.repository, flags=flags) as server, Client(server.grpc) as client:
            assert ask(client, keys(300)).counts() == {("stable", "1"): 300}
            # It has ended, and is not begun with again.
            assert [(one.id, one.state) for one in client.rollouts.list()] == [
                (status.id, "rolled_back")
            ]


def _controls(asked: Asked) -> int:
    return asked.counts()[("control", "1")]


def test_a_killed_server_goes_on_with_the_same_arms_and_the_same_evidence(tmp_path: Path) -> None:
    files = repository(tmp_path)
    files.write(rollout=AT_5_PERCENT)
    flags = (*POLLING, kept_in(tmp_path))
    with RunningServer(files.repository, flags=flags) as server, Client(server.grpc) as client:
        files.add(2, code=FAILS_ON_REQUEST)
        until(client, is_state("canary"), "the canary begins")
        arms = ask(client, keys(200)).arms
        assert {arm for arm, _ in arms.values()} == {"stable", "control", "canary"}
        first, second, third = [key for key in keys(200) if arms[key] == ("canary", "2")][:3]
        assert len(ask(client, [first, second], x=FAIL).failures) == 2
        until_kept(client)
        before = until_kept(client)
        evidence = before.guardrails[0].log_e
        assert before.state == "canary" and evidence > 0.0, before
        server.process.kill()
        server.wait()
    with RunningServer(files.repository, flags=flags) as server, Client(server.grpc) as client:
        after = until(client, lambda one: one.log[-1].by == "restart", "it goes on")
        assert (after.id, after.state, after.canary_bp) == (before.id, "canary", 500)
        assert until_kept(client).guardrails[0].log_e == pytest.approx(evidence)
        assert ask(client, keys(200)).arms == arms
        # Of a key that failed before nothing is learnt, but one more is enough.
        assert ask(client, [first], x=FAIL).failures
        assert until_kept(client).state == "canary"
        assert ask(client, [third], x=FAIL).failures
        status = until(client, is_state("rolled_back"), "it is rolled back")
        assert status.log[-1].by == "judge"
        assert client.rollouts.explain(MODEL)["verdict"]["agrees"] is True


def test_a_drain_answers_what_was_asked_and_the_rollout_goes_on_afterwards(tmp_path: Path) -> None:
    files = repository(tmp_path)
    slow = "time.sleep(0.5)"
    files.write(rollout=QUICK.replace("dwell_s = 0.1", "dwell_s = 600"), code=slow)
    flags = (*POLLING, kept_in(tmp_path))
    with RunningServer(files.repository, flags=flags) as server, Client(server.grpc) as client:
        files.add(2, code=slow)
        until(client, is_state("canary"), "the canary begins")
        with ThreadPoolExecutor(16) as threads:
            asked = [threads.submit(ask, client, [key]) for key in keys(16)]
            wait_until(
                lambda: server.counted("nv_inference_pending_request_count") > 0, "they wait"
            )
            server.drain()
            failures = [sentence for one in asked for sentence in one.result().failures]
        assert not failures, failures[:3]
        assert server.wait() == 0, server.log()
    with RunningServer(files.repository, flags=flags) as server, Client(server.grpc) as client:
        status = until(client, lambda one: one.log[-1].by == "restart", "it goes on")
        first = [arm for epoch in status.evidence.epochs[:1] for arm in epoch.arms.values()]
        assert status.state == "canary" and sum(arm.requests for arm in first) == 16, status


def test_a_model_that_is_unloaded_loses_its_rollout_with_that_reason(tmp_path: Path) -> None:
    files = repository(tmp_path)
    files.more = BOTH
    files.write(rollout=AT_5_PERCENT)
    files.add(2)
    with RunningServer(files.repository, flags=EXPLICIT) as server, Client(server.grpc) as client:
        client.rollouts.start(MODEL, 2, stable=1)
        assert post(server.rest, f"/v2/repository/models/{MODEL}/unload") == 200
        status = until(client, is_state("rolled_back"), "it is rolled back")
        assert status.why == "The candidate is not loaded any more."
        assert post(server.rest, f"/v2/repository/models/{MODEL}/load") == 200
        assert ask(client, keys(300)).counts() == {("stable", "1"): 300}


def test_a_rollout_waits_for_its_versions_after_a_restart(tmp_path: Path) -> None:
    files = repository(tmp_path)
    files.more = BOTH
    files.write(rollout=AT_5_PERCENT)
    files.add(2)
    state = kept_in(tmp_path)
    with (
        RunningServer(files.repository, flags=(*EXPLICIT, state)) as server,
        Client(server.grpc) as client,
    ):
        client.rollouts.start(MODEL, 2, stable=1)
        arms = ask(client, keys(200)).arms
    # Nothing is loaded until somebody asks for it.
    with (
        RunningServer(files.repository, flags=("--model-control-mode=explicit", state)) as server,
        Client(server.grpc) as client,
    ):
        wait_until(lambda: "rollout_not_reopened" in server.log(), "it was tried")
        assert client.rollouts.status(MODEL).state == "canary"
        assert post(server.rest, f"/v2/repository/models/{MODEL}/load") == 200
        until(client, lambda one: one.log[-1].by == "restart", "it goes on")
        assert ask(client, keys(200)).arms == arms
