# SPDX-License-Identifier: Apache-2.0
"""@grpc/grpc-js under Node, driven over pipes (grpc_js/client.js)."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict, ParseDict
from google.rpc import status_pb2
from tests.interop.conversation import Ending, Method, Pairs

HERE = Path(__file__).parent
# A line holds a whole message.
LINE_BYTES_MAX = 64 << 20
STATUSES = {status.value[0]: status for status in grpc.StatusCode}


class GrpcJsClient:
    """A Node process, and its connections; for the event loop it is started on."""

    name = "grpc-js"

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._numbers = itertools.count(1)
        self._events: dict[int, asyncio.Queue[dict[str, Any]]] = {}
        self._reading = asyncio.get_running_loop().create_task(self._read())

    @classmethod
    async def start(cls, address: str, node: str, modules: Path) -> GrpcJsClient:
        """`modules` is the folder node_modules."""
        process = await asyncio.create_subprocess_exec(
            node,
            str(HERE / "grpc_js" / "client.js"),
            str(HERE / "interop.proto"),
            address,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={"NODE_PATH": str(modules)},
            limit=LINE_BYTES_MAX,
        )
        return cls(process)

    def open(
        self, method: Method, metadata: Pairs, timeout_s: float | None, is_compressing: bool
    ) -> GrpcJsCall:
        number = next(self._numbers)
        self._events[number] = asyncio.Queue()
        self.tell(
            verb="open",
            call=number,
            service=method.service.rpartition(".")[2],
            method=method.name,
            metadata=[(key, _text(value)) for key, value in metadata],
            timeoutMs=None if timeout_s is None else timeout_s * 1e3,
            isCompressing=is_compressing,
        )
        return GrpcJsCall(self, number, method, self._events[number])

    def tell(self, **command: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")

    async def flush(self) -> None:
        assert self._process.stdin is not None
        await self._process.stdin.drain()

    async def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()
        await self._reading

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            event = json.loads(line)
            self._events[event["call"]].put_nowait(event)


class GrpcJsCall:
    """A call of client.js."""

    def __init__(
        self,
        client: GrpcJsClient,
        number: int,
        method: Method,
        events: asyncio.Queue[dict[str, Any]],
    ) -> None:
        self._client = client
        self._number = number
        self._method = method
        self._events = events
        self._initial: Pairs = ()
        self._ending: Ending | None = None

    async def send(self, message: Any, *, is_compressed: bool) -> None:
        self._client.tell(
            verb="send",
            call=self._number,
            message=MessageToDict(message),
            isCompressed=is_compressed,
        )
        await self._client.flush()

    async def half_close(self) -> None:
        self._client.tell(verb="halfClose", call=self._number)

    async def receive(self) -> Any:
        while self._ending is None:
            event = await self._events.get()
            match event["event"]:
                case "initial":
                    self._initial = _pairs(event["metadata"])
                case "message":
                    return ParseDict(event["message"], self._method.response())
                case "status":
                    self._note_end(event)
        # Of a unary answer grpc-js tells the status before the message.
        if not self._events.empty():
            event = self._events.get_nowait()
            return ParseDict(event["message"], self._method.response())
        return None

    async def cancel(self) -> None:
        self._client.tell(verb="cancel", call=self._number)

    async def end(self) -> Ending:
        while self._ending is None:
            await self.receive()
        return self._ending

    def _note_end(self, event: dict[str, Any]) -> None:
        trailing = _pairs(event["metadata"])
        rich = dict(trailing).get("grpc-status-details-bin")
        self._ending = Ending(
            code=STATUSES[event["code"]],
            details=event["details"],
            initial=self._initial,
            trailing=trailing,
            status=status_pb2.Status.FromString(rich) if isinstance(rich, bytes) else None,
        )


def _text(value: str | bytes) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _pairs(pairs: list[list[str]]) -> Pairs:
    return tuple(
        (key, base64.b64decode(value) if key.endswith("-bin") else value) for key, value in pairs
    )
