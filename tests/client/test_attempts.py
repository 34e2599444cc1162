# SPDX-License-Identifier: Apache-2.0
"""Retries, deadlines and several endpoints, against real servers."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import numpy as np
import pytest
from tests.client.conftest import ClientFactory
from tests.doubles.v2_server import V2Server, failing

from penstock_client import DeadlineExceeded, EjectionPolicy, RetryPolicy, Unavailable
from penstock_client._attempts import Attempts, Failure, Fleet

X = {"x": np.ones((1, 16), np.float32)}
QUICK = RetryPolicy(attempts_max=4, backoff_first_s=0.001, backoff_max_s=0.002)


@pytest.fixture
def servers() -> Iterator[list[V2Server]]:
    with ExitStack() as stack:
        yield [stack.enter_context(V2Server()) for _ in range(3)]


@pytest.fixture
def closed_port() -> Iterator[str]:
    """An address nobody listens at: it is bound, so nobody else can begin to."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


def test_unavailable_is_hidden_when_a_repeat_succeeds(
    server: V2Server, make_client: ClientFactory
) -> None:
    server.unavailable_left = 3
    make_client(server.address, retry=QUICK).infer("echo", X)
    assert len(server.seen) == 4


def test_unavailable_is_raised_when_all_attempts_fail(
    server: V2Server, make_client: ClientFactory
) -> None:
    server.unavailable_left = 100
    with pytest.raises(Unavailable, match=r"come back later.*attempt 4") as caught:
        make_client(server.address, retry=QUICK).infer("echo", X)
    assert caught.value.attempts == 4
    assert len(server.seen) == 4


def test_other_errors_are_not_repeated(server: V2Server, make_client: ClientFactory) -> None:
    server.models["full"] = failing("RESOURCE_EXHAUSTED", "the queue is full")
    with pytest.raises(Exception, match="the queue is full"):
        make_client(server.address, retry=QUICK).infer("full", X)
    assert len(server.seen) == 1


def test_no_retry_policy_means_one_attempt(server: V2Server, make_client: ClientFactory) -> None:
    server.unavailable_left = 1
    with pytest.raises(Unavailable):
        make_client(server.address, retry=None).infer("echo", X)
    assert len(server.seen) == 1


def test_an_outage_uses_the_budget_up_and_then_each_call_is_one_attempt(
    server: V2Server, make_client: ClientFactory
) -> None:
    server.unavailable_left = 100
    client = make_client(server.address, retry=QUICK)
    attempts = []
    for _ in range(4):
        with pytest.raises(Unavailable) as caught:
            client.infer("echo", X)
        attempts.append(caught.value.attempts)
    # Ten tokens, and repeats while more than five are left.
    assert attempts == [4, 1, 1, 1]


def test_a_server_that_is_not_there_is_unavailable(
    closed_port: str, make_client: ClientFactory
) -> None:
    with pytest.raises(Unavailable):
        make_client(closed_port, retry=None).server_live()


def test_retries_never_outlive_the_deadline(server: V2Server, make_client: ClientFactory) -> None:
    """Any wait up to a day would do by the policy; the deadline forbids nearly all of them."""
    day_s = 86400.0
    patient = RetryPolicy(attempts_max=50, backoff_first_s=day_s, backoff_max_s=day_s)
    server.unavailable_left = 100
    with pytest.raises(Unavailable) as caught:
        make_client(server.address, retry=patient).infer("echo", X, timeout=5.0)
    assert caught.value.attempts <= 2


def test_a_timeout_reaches_the_server_and_ends_the_call(
    server: V2Server, make_client: ClientFactory
) -> None:
    with pytest.raises(DeadlineExceeded):
        make_client(server.address, retry=QUICK).infer("slow", X, timeout=0.2)
    assert len(server.seen) == 1
    left_s = server.seen[0].time_left_s
    assert left_s is not None
    assert 0 < left_s < 0.3  # grpcio rounds a deadline up by a little
    assert server.slow_ended.acquire(timeout=20)


def test_each_attempt_gets_only_the_time_that_is_left() -> None:
    attempts = Attempts(Fleet(["a"], QUICK), 10.0, now_s=100.0)
    assert attempts.begin(now_s=100.0, random=0.0) == (0, 10.0)
    attempts.failed(Failure("UNAVAILABLE", "no"), now_s=103.0, random=0.0)
    assert attempts.begin(now_s=104.0, random=0.0) == (0, 6.0)
    attempts.failed(Failure("UNAVAILABLE", "no"), now_s=105.0, random=0.0)
    with pytest.raises(DeadlineExceeded, match=r"10\.0 s"):
        attempts.begin(now_s=110.0, random=0.0)


def test_a_timeout_of_nothing_is_exceeded_before_sending(
    server: V2Server, make_client: ClientFactory
) -> None:
    with pytest.raises(DeadlineExceeded):
        make_client(server.address).infer("echo", X, timeout=0.0)
    assert server.seen == []


def test_endpoints_take_turns(servers: list[V2Server], make_client: ClientFactory) -> None:
    client = make_client([server.address for server in servers])
    for _ in range(6):
        client.infer("echo", X)
    assert [len(server.seen) for server in servers] == [2, 2, 2]


def test_a_repeat_goes_to_another_endpoint(
    servers: list[V2Server], make_client: ClientFactory
) -> None:
    servers[0].unavailable_left = 100
    make_client([server.address for server in servers], retry=QUICK).infer("echo", X)
    assert [len(server.seen) for server in servers] == [1, 1, 0]


def test_a_failing_endpoint_is_ejected(servers: list[V2Server], make_client: ClientFactory) -> None:
    servers[0].unavailable_left = 100
    ejection = EjectionPolicy(failures_to_eject=2, eject_first_s=3600, eject_max_s=3600)
    client = make_client([server.address for server in servers], retry=QUICK, ejection=ejection)
    for _ in range(12):
        client.infer("echo", X)
    assert len(servers[0].seen) == 2
    assert len(servers[1].seen) + len(servers[2].seen) == 12


def test_an_endpoint_that_recovers_is_admitted_again(
    servers: list[V2Server], make_client: ClientFactory
) -> None:
    """The ejection lasts no time at all, so the next turn is the trial."""
    servers[0].unavailable_left = 1
    ejection = EjectionPolicy(failures_to_eject=1, eject_first_s=0, eject_max_s=0)
    client = make_client([server.address for server in servers], retry=QUICK, ejection=ejection)
    for _ in range(9):
        client.infer("echo", X)
    assert len(servers[0].seen) == 4


def test_an_endpoint_that_is_down_costs_no_call(
    servers: list[V2Server], closed_port: str, make_client: ClientFactory
) -> None:
    client = make_client([closed_port, servers[0].address], retry=QUICK)
    for _ in range(20):
        client.infer("echo", X)
    assert len(servers[0].seen) == 20


def test_a_server_that_comes_back_at_its_address_is_found_again(
    make_client: ClientFactory,
) -> None:
    """The repeats span gRPC's own pause before it connects again, which is 2 s at most."""
    stubborn = RetryPolicy(
        attempts_max=1000, backoff_first_s=0.05, backoff_max_s=0.05, tokens_max=10_000
    )
    with V2Server() as first:
        client = make_client(first.address, retry=stubborn)
        assert client.server_live()
    with V2Server(address=first.address) as second:
        assert client.server_live(timeout=20.0)
    assert len(second.seen) == 1


def test_a_refusal_does_not_eject_an_endpoint() -> None:
    fleet = Fleet(["a", "b"], None, EjectionPolicy(failures_to_eject=1))
    for code in ("NOT_FOUND", "INTERNAL", "DEADLINE_EXCEEDED", "CANCELLED"):
        attempts = Attempts(fleet, None, now_s=0.0)
        attempts.begin(now_s=0.0, random=0.0)
        with pytest.raises(Exception, match="no"):
            attempts.failed(Failure(code, "no"), now_s=0.0, random=0.0)
    assert fleet.ring.ejected(now_s=0.0) == ()


def test_a_client_of_no_endpoint_is_refused(make_client: ClientFactory) -> None:
    with pytest.raises(ValueError, match="at least one endpoint"):
        make_client.kind([])
