# SPDX-License-Identifier: Apache-2.0
"""The HTTP port for people and for Prometheus: GET /metrics, and / that says what this is."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from penstock import __version__
from penstock.errors import ListenError

__all__ = ["MetricsServer", "listening_socket"]

TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"
STOP_SECONDS_MAX = 2


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket that listens on `host` and `port`. Raises ListenError if it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        reason = "the port is taken" if error.errno == 98 else (error.strerror or str(error))
        raise ListenError(
            f"Metrics cannot listen on {host}:{port}: {reason}. "
            "Choose another with --metrics-port, or --allow-metrics false."
        ) from None


class MetricsServer:
    """Serves what `metrics_text` gives, on the event loop it is started on."""

    def __init__(self, sock: socket.socket, metrics_text: Callable[[], str]) -> None:
        """Takes over `sock`, which listens already."""
        self._socket = sock
        self._server = _UvicornServer(
            uvicorn.Config(
                _application(metrics_text),
                log_config=None,
                access_log=False,
                lifespan="off",
                timeout_graceful_shutdown=STOP_SECONDS_MAX,
            )
        )
        self._task: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port in use, also when the system chose it."""
        return int(self._socket.getsockname()[1])

    def start(self) -> None:
        """Begins to answer."""
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))

    async def stop(self) -> None:
        """Finishes the answers under way, for a bounded time, and closes the port."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task
        self._socket.close()


class _UvicornServer(uvicorn.Server):
    """Leaves signals alone: the engine handles them natively."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _application(metrics_text: Callable[[], str]) -> Starlette:
    # In a worker thread, so that a scrape never holds up the control plane's loop.
    def metrics(request: Request) -> Response:
        return PlainTextResponse(metrics_text(), media_type=TEXT_FORMAT)

    def front_page(request: Request) -> Response:
        return PlainTextResponse(
            f"Penstock {__version__}, an inference server.\n\n"
            "  /metrics   counters and histograms for Prometheus\n\n"
            "Inference is served over REST and gRPC, on ports of their own.\n"
        )

    return Starlette(routes=[Route("/metrics", metrics), Route("/", front_page)])
