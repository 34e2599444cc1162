# SPDX-License-Identifier: Apache-2.0
"""Servers that drain, die and come again behind a loaded proxy."""

from __future__ import annotations

from pathlib import Path

from tests.doubles.running import RunningServer
from tests.doubles.steady_load import Load
from tests.proxies.proxies import Proxy

CLIENTS = 3  # of each protocol
#: Longer than the proxies' checks take to notice (haproxy: two failures, 100 ms apart).
DRAIN_DELAY = ("--drain-delay-secs=1",)


def same_ports(server: RunningServer) -> tuple[str, ...]:
    return (f"--grpc-port={server.grpc_port}", f"--http-port={server.rest_port}")


def is_asked(server: RunningServer) -> bool:
    """Whether load reaches it by now."""
    return server.counted("nv_inference_request_success", model="echo") >= 10


def unexpected(failures: list[str], proxy: Proxy) -> list[str]:
    """Without a proxy that asks, a server is found while it starts, and says so."""
    return [one for one in failures if proxy.asks_servers or "it is being loaded" not in one]


def test_a_drain_under_load_fails_no_request(
    proxy_class: type[Proxy], repository: Path, tmp_path: Path
) -> None:
    """One after the other drains and is replaced on its ports, as a rolling update does."""
    with (
        RunningServer(repository, flags=DRAIN_DELAY) as first,
        RunningServer(repository, flags=DRAIN_DELAY) as second,
        proxy_class((first, second), tmp_path) as proxy,
        Load(proxy.grpc, proxy.rest, CLIENTS) as load,
    ):
        load.until(lambda: is_asked(first) and is_asked(second), "both are asked")
        first.drain()
        assert first.wait() == 0
        load.go_on()
        with RunningServer(repository, flags=(*DRAIN_DELAY, *same_ports(first))) as third:
            load.until(lambda: is_asked(third), "the first one's successor is asked")
            second.drain()
            assert second.wait() == 0
            load.go_on()
            assert not unexpected(load.failures, proxy)
            load.stop()


def test_a_kill_under_load_costs_what_was_in_flight(
    proxy_class: type[Proxy], repository: Path, tmp_path: Path
) -> None:
    with (
        RunningServer(repository) as first,
        RunningServer(repository) as second,
        proxy_class((first, second), tmp_path) as proxy,
        Load(proxy.grpc, proxy.rest, CLIENTS) as load,
    ):
        load.until(lambda: is_asked(first) and is_asked(second), "both are asked")
        first.process.kill()
        first.wait()
        load.go_on(50)
        # Each client has one request in flight; the next may go over a connection of the proxy's
        # pool that is dead as well, and of which it has not heard yet.
        assert all(len(asker.failures) <= 2 for asker in load.askers), load.failures
        failed = set(load.failures)
        with RunningServer(repository, flags=same_ports(first)) as third:
            load.until(lambda: is_asked(third), "the successor is asked")
            load.go_on()
            since = [sentence for sentence in load.failures if sentence not in failed]
            assert not unexpected(since, proxy)
            load.stop()
