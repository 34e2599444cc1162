# SPDX-License-Identifier: Apache-2.0
"""`client.rollouts` of both clients against the admin service."""

from __future__ import annotations

import asyncio
import dataclasses
import math
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

import pytest
from tests.doubles.admin_server import AdminServer
from tests.doubles.rollouts import EXAMPLE, START_MS

from penstock.rollout.read import rollout_of, rollout_of_toml
from penstock.rollout.spec import RolloutSpec
from penstock_client import (
    AsyncClient,
    Client,
    ClientClosed,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    RetryPolicy,
    RolloutStatus,
    Unavailable,
    shadows,
)
from penstock_client import rollouts as values
from penstock_client._attempts import Attempts, Failure, Fleet
from penstock_client._proto import admin_pb2 as pb

QUICK = RetryPolicy(attempts_max=4, backoff_first_s=0.001, backoff_max_s=0.002)


class BlockingRollouts:
    """`AsyncClient.rollouts`, called like `Client.rollouts`."""

    def __init__(self, address: str, **options: Any) -> None:
        self._runner = asyncio.Runner()
        self._client = AsyncClient(address, **options)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            made = getattr(self._client.rollouts, name)(*arguments, **options)
            if isinstance(made, AsyncIterator):
                return self._all(made)
            return self._runner.run(made)

        return call

    def _all(self, made: AsyncIterator[Any]) -> Iterator[Any]:
        async def following() -> Any:
            return await anext(made, None)

        while (one := self._runner.run(following())) is not None:
            yield one

    def end(self) -> None:
        self._runner.run(self._client.close())
        self._runner.close()


class SyncRollouts:
    """`Client.rollouts`, and how it ends."""

    def __init__(self, address: str, **options: Any) -> None:
        self._client = Client(address, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client.rollouts, name)

    def end(self) -> None:
        self._client.close()


Make = Callable[..., Any]


@pytest.fixture
def server() -> Iterator[AdminServer]:
    with AdminServer() as running:
        yield running


@pytest.fixture(params=[SyncRollouts, BlockingRollouts], ids=["Client", "AsyncClient"])
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    made: list[Any] = []

    def making(*arguments: Any, **options: Any) -> Any:
        made.append(request.param(*arguments, **{"retry": QUICK, **options}))
        return made[-1]

    yield making
    for one in made:
        one.end()


def test_a_rollout_from_its_start_to_its_end(server: AdminServer, make: Make) -> None:
    rollouts = make(server.address)
    begun = rollouts.start("m", 2, stable=1, timeout=10)
    assert isinstance(begun, RolloutStatus)
    assert (begun.id, begun.state, begun.stable, begun.candidate) == ("m-1", "shadow", 1, 2)
    assert (begun.started_ms, begun.ended_ms, begun.is_over) == (START_MS, None, False)
    assert rollouts.pause("m", timeout=10).is_paused
    assert not rollouts.resume("m", begun.id, timeout=10).is_paused
    ended = rollouts.roll_back("m", reason="prices are odd", timeout=10)
    assert (ended.state, ended.why, ended.is_over) == ("rolled_back", "prices are odd", True)
    assert rollouts.status("m", timeout=10) == ended
    again = rollouts.start("m", 2, timeout=10)
    assert rollouts.promote("m", again.id, timeout=10).state == "live"
    assert [one.id for one in rollouts.list(timeout=10)] == ["m-2", "m-1"]
    assert rollouts.list("m", ongoing_only=True, timeout=10) == ()
    assert rollouts.status("m", "m-1", timeout=10) == ended


def test_evidence_arrives_whole(server: AdminServer, make: Make) -> None:
    rollouts = make(server.address)
    rollouts.start("m", 2, timeout=10)
    kept = server.rollouts.step("m", "rolled_back")
    told = rollouts.status("m", timeout=10)
    assert told.guardrails == tuple(
        values.GuardrailStatus(**dataclasses.asdict(one)) for one in kept.guardrails
    )
    assert math.isinf(told.guardrails[2].ratio_high)
    assert told.log[-1].why == "errors: log e 5.61 reached 5.52"
    assert told.evidence.verdict is not None
    assert told.evidence.verdict.cause == "evidence"
    assert told.evidence.epochs[1].arms["canary"].bad == {"error": 9, "timeout": 1}
    assert told.evidence.epochs[1].shares_bp == {"stable": 9000, "control": 500, "canary": 500}
    (shadow,) = told.evidence.shadows
    assert shadow.dropped == {"busy": 310, "no_memory": 2}
    (counted,) = kept.evidence.shadows
    assert (shadow.latency_ratio, shadow.both_failed) == (counted.latency_ratio, 3)
    assert shadow.outputs[0].relative == counted.outputs[0].relative
    assert shadow.outputs[0].flips[1] == shadows.ClassFlip(primary=0, shadow=1, rows=5)
    assert dataclasses.asdict(shadow.worst[0]) == dataclasses.asdict(counted.worst[0])
    slow = next(one for one in told.evidence.latency if one.arm == "canary").buckets[-1]
    assert (slow.ns, slow.count) == (24_600_000, 21)


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"shadow": False, "stages_bp": [500, 10_000], "idempotent": True},
        {"holdout": {"salt": 2**64 - 1}, "guardrails": {"latency": {"slo_ms": 20}}},
        {"overrides": [{"arm": "canary", "key": "tester"}], "shadow": {"sensitive": ["name"]}},
    ],
)
def test_a_spec_is_given_as_its_keys_or_its_text_and_comes_back(
    server: AdminServer, make: Make, spec: Mapping[str, Any]
) -> None:
    rollouts = make(server.address)
    begun = rollouts.start("m", 2, spec=spec, timeout=10)
    assert rollout_of(begun.spec) == rollout_of(spec)
    assert begun.spec.keys() >= RolloutSpec.model_fields.keys() - {"overrides", "force_keys"}
    again = rollouts.start("n", 2, spec=begun.spec, timeout=10)
    assert again.spec == begun.spec
    text = "shadow = false\ndwell_s = 3"
    other = rollouts.start("o", 2, spec=text, timeout=10)
    assert rollout_of(other.spec) == rollout_of_toml(text)


def test_a_spec_that_is_none_is_refused_before_or_by_the_server(
    server: AdminServer, make: Make
) -> None:
    rollouts = make(server.address)
    with pytest.raises(InvalidArgument, match='no field named "dwell"') as caught:
        rollouts.start("m", 2, spec={"dwell": 3}, timeout=10)
    assert caught.value.attempts == 0
    with pytest.raises(InvalidArgument, match="cannot be asked for"):
        rollouts.start("m", "two", timeout=10)
    with pytest.raises(InvalidArgument, match="dwell_s: wanted a number greater than 0, found 0"):
        rollouts.start("m", 2, spec={"dwell_s": 0}, timeout=10)
    with pytest.raises(InvalidArgument, match="dwell: there is no such key"):
        rollouts.start("m", 2, spec="dwell = 3", timeout=10)
    assert server.seen == ["StartRollout", "StartRollout"]


def test_a_watch_tells_each_change_and_ends_with_the_rollout(
    server: AdminServer, make: Make
) -> None:
    rollouts = make(server.address)
    rollouts.start("m", 2, timeout=10)
    server.rollouts.ahead["m"] = ["shadow", "canary", "held", "live"]
    told = [one.state for one in rollouts.watch("m", interval=0.1)]
    assert told == ["shadow", "canary", "held", "live"]


def test_a_watch_may_be_left(server: AdminServer, make: Make) -> None:
    rollouts = make(server.address)
    rollouts.start("m", 2, timeout=10)
    for one in rollouts.watch("m", interval=0.1):
        assert one.state == "shadow"
        break
    assert rollouts.status("m", timeout=10).state == "shadow"


def test_a_watch_that_has_not_begun_is_tried_again(server: AdminServer, make: Make) -> None:
    rollouts = make(server.address)
    rollouts.start("m", 2, timeout=10)
    rollouts.promote("m", timeout=10)
    server.unavailable_left = 2
    assert [one.state for one in rollouts.watch("m")] == ["live"]
    assert server.seen.count("WatchRollout") == 3
    with pytest.raises(NotFound, match="n: there is no rollout"):
        next(iter(rollouts.watch("n")))


def test_a_watch_whose_server_goes_away_says_so(make: Make) -> None:
    with AdminServer() as server:
        rollouts = make(server.address)
        rollouts.start("m", 2, timeout=10)
        watched = rollouts.watch("m", interval=0.1)
        assert next(watched).state == "shadow"
    with pytest.raises(Unavailable) as caught:
        next(watched)
    assert caught.value.attempts == 1


def test_reading_is_tried_again_and_changing_is_not(server: AdminServer, make: Make) -> None:
    rollouts = make(server.address)
    rollouts.start("m", 2, timeout=10)
    server.unavailable_left = 2
    assert rollouts.status("m", timeout=10).state == "shadow"
    for verb in ("promote", "pause", "resume", "roll_back"):
        server.unavailable_left = 1
        with pytest.raises(Unavailable):
            getattr(rollouts, verb)("m", timeout=10)
    server.unavailable_left = 1
    with pytest.raises(Unavailable):
        rollouts.start("n", 2, timeout=10)
    assert [one.model for one in server.rollouts.kept] == ["m"]


def test_refusals_are_errors_of_their_status(server: AdminServer, make: Make) -> None:
    rollouts = make(server.address)
    with pytest.raises(NotFound, match="m: there is no rollout"):
        rollouts.status("m", timeout=10)
    rollouts.start("m", 2, timeout=10)
    with pytest.raises(FailedPrecondition, match="a rollout goes on"):
        rollouts.start("m", 2, timeout=10)
    with pytest.raises(FailedPrecondition, match="wanted its rollout m-0, found that m-1"):
        rollouts.promote("m", "m-0", timeout=10)


def test_an_explanation_is_what_the_server_says(server: AdminServer, make: Make) -> None:
    rollouts = make(server.address)
    rollouts.start("m", 2, timeout=10)
    server.rollouts.explained = {"events": [{"key_hash": 2**64 - 1}], "agrees": True}
    told = rollouts.explain("m", timeout=10)
    assert told == {"rollout": "m-1", "events": [{"key_hash": 2**64 - 1}], "agrees": True}


def test_examples_are_what_the_server_keeps(server: AdminServer, make: Make) -> None:
    rollouts = make(server.address)
    rollouts.start("m", 2, timeout=10)
    server.rollouts.examples_kept["m-1"] = [EXAMPLE] * 2
    told = rollouts.examples("m", limit=1, timeout=10)
    assert (told.rollout, told.left_out) == ("m-1", 1)
    (example,) = told.examples
    assert (example.shadow, example.wall_ms) == ("shadow", START_MS + 5_000)
    assert int(example.key_hash, 16) == EXAMPLE.key_hash
    assert example.pair == EXAMPLE.pair
    assert rollouts.examples("m", "m-1", timeout=10).left_out == 0
    with pytest.raises(NotFound):
        rollouts.examples("m", "m-9", timeout=10)


def test_a_server_that_is_not_there_is_unavailable(make: Make) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        rollouts = make(f"127.0.0.1:{bound.getsockname()[1]}")
        with pytest.raises(Unavailable):
            next(iter(rollouts.watch("m")))


def test_a_closed_client_watches_nothing(server: AdminServer) -> None:
    client = Client(server.address)
    client.close()
    with pytest.raises(ClientClosed):
        next(client.rollouts.watch("m"))


def test_the_fields_of_values_are_those_of_the_messages() -> None:
    names = {**vars(values), **vars(shadows)}
    for name in {*values.__all__, *shadows.__all__}:
        fields = {one.name for one in dataclasses.fields(names[name])}
        assert fields == set(getattr(pb, name).DESCRIPTOR.fields_by_name), name


def test_an_attempt_that_may_have_been_carried_out_is_the_last() -> None:
    failure = Failure("UNAVAILABLE", "come back later")
    changing = Attempts(Fleet(["a"], QUICK), None, now_s=0.0, is_repeatable=False)
    changing.begin(now_s=0.0, random=0.5)
    with pytest.raises(Unavailable):
        changing.failed(failure, now_s=0.0, random=0.5)
    streaming = Attempts(Fleet(["a"], QUICK), None, now_s=0.0)
    streaming.begin(now_s=0.0, random=0.5)
    assert streaming.failed(failure, now_s=0.0, random=0.5) > 0
    streaming.begin(now_s=0.0, random=0.5)
    with pytest.raises(Unavailable):
        streaming.failed(failure, now_s=0.0, random=0.5, has_begun=True)
