# SPDX-License-Identifier: Apache-2.0
"""What only the asyncio client does: many calls at once, cancellation, closing under way, TLS."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from tests.doubles.v2_server import PATIENCE_S, V2Server

from penstock_client import AsyncClient, Cancelled, ClientClosed

X = {"x": np.ones((1, 16), np.float32)}


async def entered(server: V2Server) -> None:
    assert await asyncio.to_thread(server.slow_entered.acquire, timeout=PATIENCE_S)


async def ended(server: V2Server) -> None:
    assert await asyncio.to_thread(server.slow_ended.acquire, timeout=PATIENCE_S)


def test_many_calls_run_at_once(server: V2Server) -> None:
    async def ask() -> list[int]:
        async with AsyncClient(server.address) as client:
            calls = (client.infer("echo", {"n": np.array([number])}) for number in range(200))
            return [int(result["n"][0]) for result in await asyncio.gather(*calls)]

    assert asyncio.run(ask()) == list(range(200))


def test_cancelling_the_task_cancels_the_call_at_the_server(server: V2Server) -> None:
    async def cancel() -> None:
        async with AsyncClient(server.address) as client:
            task = asyncio.create_task(client.infer("slow", X))
            await entered(server)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await ended(server)

    asyncio.run(cancel())


def test_a_timeout_around_the_call_cancels_it_too(server: V2Server) -> None:
    async def time_out() -> None:
        async with AsyncClient(server.address) as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await client.infer("slow", X)

    asyncio.run(time_out())


def test_closing_ends_calls_of_other_tasks_with_cancelled(server: V2Server) -> None:
    async def close() -> None:
        client = AsyncClient(server.address)
        task = asyncio.create_task(client.infer("slow", X))
        await entered(server)
        await client.close()
        with pytest.raises(Cancelled):
            await task
        with pytest.raises(ClientClosed):
            await client.server_live()
        await ended(server)

    asyncio.run(close())


def test_a_client_may_be_made_before_its_event_loop(server: V2Server) -> None:
    client = AsyncClient(server.address)

    async def use() -> bool:
        async with client:
            return await client.server_live()

    assert asyncio.run(use())


def test_a_client_that_never_called_closes() -> None:
    async def close() -> None:
        async with AsyncClient("127.0.0.1:1"):
            pass

    asyncio.run(close())
