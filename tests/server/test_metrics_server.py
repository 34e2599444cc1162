# SPDX-License-Identifier: Apache-2.0
import asyncio
import urllib.error
import urllib.request

import pytest

from penstock.errors import ListenError
from penstock.metrics_server import MetricsServer, listening_socket


def fetched(port: int, path: str) -> tuple[int, str, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.headers["content-type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, "", ""


async def answers(*paths: str) -> list[tuple[int, str, str]]:
    server = MetricsServer(listening_socket("127.0.0.1", 0), lambda: "penstock_up 1\n")
    server.start()
    try:
        return [await asyncio.to_thread(fetched, server.port, path) for path in paths]
    finally:
        await server.stop()


def test_metrics_are_served_as_prometheus_text_beside_a_page_that_says_what_this_is() -> None:
    metrics, front, absent = asyncio.run(answers("/metrics", "/", "/absent"))
    assert metrics == (200, "text/plain; version=0.0.4; charset=utf-8", "penstock_up 1\n")
    assert front[0] == 200
    assert "Penstock" in front[2]
    assert absent[0] == 404


def test_a_stopped_server_gives_its_port_back() -> None:
    async def port_of_a_stopped_server() -> int:
        server = MetricsServer(listening_socket("127.0.0.1", 0), str)
        server.start()
        port = server.port
        await asyncio.to_thread(fetched, port, "/metrics")
        await server.stop()
        return port

    listening_socket("127.0.0.1", asyncio.run(port_of_a_stopped_server())).close()


def test_a_taken_port_is_a_sentence_with_the_mend() -> None:
    with listening_socket("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ListenError, match=f"on 127.0.0.1:{port}: the port is taken. Choose"):
            listening_socket("127.0.0.1", port)


def test_an_address_of_another_machine_is_a_sentence() -> None:
    with pytest.raises(ListenError, match=r"Metrics cannot listen on 192.0.2.1:0: "):
        listening_socket("192.0.2.1", 0)
