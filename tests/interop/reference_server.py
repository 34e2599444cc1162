# SPDX-License-Identifier: Apache-2.0
"""grpcio's own server with one of the servicers: what the tests are proven with.

    python -m tests.interop.reference_server async|plain

Prints its address, and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
import grpc.aio
from tests.interop import async_servicer, plain_servicer

THREADS = 32
OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)]


async def serve_async() -> None:
    server = grpc.aio.server(ThreadPoolExecutor(THREADS), options=OPTIONS)
    async_servicer.register(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"127.0.0.1:{port}", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(None)


def serve_plain() -> None:
    server = grpc.server(ThreadPoolExecutor(THREADS), options=OPTIONS)
    plain_servicer.register(server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"127.0.0.1:{port}", flush=True)
    sys.stdin.read()
    server.stop(None).wait()


if __name__ == "__main__":
    if sys.argv[1] == "async":
        asyncio.run(serve_async())
    else:
        serve_plain()
