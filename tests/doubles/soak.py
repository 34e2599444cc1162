# SPDX-License-Identifier: Apache-2.0
"""A load that misbehaves as clients do, and holds each request against its own answer.

    python -m tests.doubles.soak PORT SECONDS SEED

Connections come and go, end in the middle, read late; requests are small and large, cancelled, cut
short, given too little time. Every request has a number, which is its id and in its tensor, so that
no answer but its own fits. Prints what became of all of them as JSON; a request that is answered
twice, wrongly or never is an error and exit status 1.
"""

from __future__ import annotations

import asyncio
import json
import random
import struct
import sys
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import hpack
import numpy as np
from numpy.typing import NDArray
from tests.doubles import canned
from tests.doubles.h2_peer import framed

from penstock_client._proto import inference_pb2

INFER = "/inference.GRPCInferenceService/ModelInfer"
CONNECTIONS = 48
IN_FLIGHT_MAX = 8
CALLS_MAX = 60
LARGE_FLOATS = 60_000
SLOW_WINDOW_BYTES = 20_000
PATIENCE_S = 60.0
DEADLINE_EXCEEDED = 4
PING = 6
GOAWAY = 7

Floats = NDArray[np.float32]
#: What the answer's tensor must be, by the model's name.
RIGHT: dict[str, Callable[[Floats], NDArray[np.generic]]] = {
    "echo": lambda x: x,
    "twice": lambda x: x * 2,
    "affine": lambda x: 2 * x + 1,
    "digest": lambda x: np.array([[zlib.crc32(x.tobytes())]], np.int64),
}
WEIGHTS = {"echo": 40, "twice": 30, "affine": 20, "digest": 10}


class WrongServerError(Exception):
    """The server broke a promise."""


@dataclass(slots=True)
class Call:
    """A request that was sent, until it has had its one end."""

    model: str
    number: int
    x: Floats
    may_expire: bool
    body: bytearray = field(default_factory=bytearray)
    fields: dict[str, str] = field(default_factory=dict)
    end: str = ""  # "ok", "expired", "cancelled", "killed"

    def request(self) -> bytes:
        made = inference_pb2.ModelInferRequest(model_name=self.model, id=str(self.number))
        made.inputs.add(name="x", datatype="FP32", shape=self.x.shape)
        made.raw_input_contents.append(self.x.tobytes())
        return made.SerializeToString()

    def settle(self) -> None:
        """Says how it ended, or raises WrongServerError."""
        status = int(self.fields["grpc-status"])
        if status == DEADLINE_EXCEEDED and self.may_expire:
            self.end = "expired"
            return
        if status != 0:
            raise WrongServerError(f"{self.model} {self.number}: {self.fields}")
        answer = inference_pb2.ModelInferResponse.FromString(bytes(self.body[5:]))
        right = RIGHT[self.model](self.x).tobytes()
        if (answer.id, *answer.raw_output_contents) != (str(self.number), right):
            raise WrongServerError(f"{self.model} {self.number} got the answer of {answer.id!r}")
        self.end = "ok"


class Peer(asyncio.Protocol):
    """One connection."""

    def __init__(self, is_slow: bool) -> None:
        loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = loop.create_future()
        self.changed = asyncio.Event()
        self.calls: dict[int, Call] = {}  # those without an end
        self.room = 0  # of the connection's window, to send
        self._is_slow = is_slow
        self._heads = hpack.Decoder()
        self._input = bytearray()
        self._ended: dict[int, str] = {}
        self._next_stream = 1
        self.is_killed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.room = 65_535
        transport.write(canned.hello(SLOW_WINDOW_BYTES) if self._is_slow else canned.hello())

    def connection_lost(self, error: Exception | None) -> None:
        if self.calls and not self.is_killed:
            self._fail(WrongServerError(f"the server closed on {len(self.calls)} calls: {error}"))

    def data_received(self, data: bytes) -> None:
        self._input += data
        try:
            while len(self._input) >= 9 and not self.is_killed:
                high, low, kind, flags, stream = canned.FRAME_HEAD.unpack_from(self._input)
                end = 9 + (high << 16 | low)
                if len(self._input) < end:
                    return
                content = bytes(self._input[9:end])
                del self._input[:end]
                self._take(kind, flags, stream, content)
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        if not failure.done():
            failure.set_exception(error)
        self.changed.set()

    def _take(self, kind: int, flags: int, stream: int, content: bytes) -> None:
        if kind == canned.WINDOW_UPDATE and stream == 0:
            self.room += int.from_bytes(content, "big")
            if not self.ready.done():
                self.ready.set_result(None)  # it comes behind the settings
        elif kind == PING and not flags & canned.ACK:
            self.transport.write(canned.frame(PING, canned.ACK, 0, content))
        elif kind == GOAWAY:
            raise WrongServerError(f"a GOAWAY came: {content!r}")
        elif kind in (canned.DATA, canned.HEADERS, canned.RST_STREAM):
            self._take_of_stream(kind, flags, stream, content)

    def _take_of_stream(self, kind: int, flags: int, stream: int, content: bytes) -> None:
        # All headers go through the decoder, for later ones depend on them.
        fields = self._heads.decode(content) if kind == canned.HEADERS else ()
        call = self.calls.get(stream)
        if call is None:
            if kind == canned.RST_STREAM and self._ended.get(stream) == "expired":
                return  # before the request was complete: it need not be sent to its end
            if stream in self._ended:
                raise WrongServerError(f"frame {kind} came on a stream that was answered")
            return  # cancelled: what was on its way may come
        if kind == canned.RST_STREAM:
            raise WrongServerError(f"{call.model} {call.number} was reset: {content!r}")
        call.fields.update((str(n), str(v)) for n, v in fields)
        if kind == canned.DATA:
            call.body += content
            self._give_back(stream, len(content))
        if flags & canned.END_STREAM:
            call.settle()
            self._ended[stream] = call.end
            self._finish(stream)

    def _give_back(self, stream: int, size: int) -> None:
        if not self._is_slow or not size:
            return
        update = struct.pack(">L", size)
        both = canned.frame(canned.WINDOW_UPDATE, 0, 0, update)
        if stream in self.calls:
            both += canned.frame(canned.WINDOW_UPDATE, 0, stream, update)
        delay = random.uniform(0, 0.02)
        asyncio.get_running_loop().call_later(delay, self._say, both)

    def _say(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(data)

    def _finish(self, stream: int) -> None:
        tally[self.calls.pop(stream).end] += 1
        self.changed.set()

    def send(self, call: Call, *, cut: bool) -> int:
        """Sends the request, or with `cut` only its first half; returns its stream."""
        stream, self._next_stream = self._next_stream, self._next_stream + 2
        timeout = (("grpc-timeout", "2m"),) if call.may_expire else ()
        head, body = canned.head(stream, INFER, *timeout), canned.body(stream, call.request())
        if cut:  # within a frame: to be followed by a reset or the end of the connection
            part = framed(call.request())
            body = canned.frame(canned.DATA, 0, stream, part[: min(len(part) // 2, 8000)])
        self.room -= len(body)
        self.calls[stream] = call
        self.transport.write(head + body)
        tally["sent"] += 1
        return stream

    def cancel(self, stream: int) -> None:
        if stream in self.calls and not self.transport.is_closing():
            self.calls[stream].end = "cancelled"
            self.transport.write(canned.frame(canned.RST_STREAM, 0, stream, b"\0\0\0\x08"))
            self._finish(stream)

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not is_so() and not failure.done():
                self.changed.clear()
                await self.changed.wait()

    def kill(self) -> None:
        self.is_killed = True
        for stream in list(self.calls):
            self.calls[stream].end = "killed"
            self._finish(stream)
        canned.lose_at_close(self.transport.get_extra_info("socket"))
        self.transport.abort()


tally: Counter[str] = Counter()
failure: asyncio.Future[None]


def make_call(numbers: Counter[str]) -> Call:
    numbers["next"] += 1
    number = numbers["next"]
    model = random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
    first = number % (1 << 20)  # a float counts to 2^24 without a gap
    if model == "echo":
        size = LARGE_FLOATS if random.random() < 0.05 else random.randrange(1, 64)
        x = np.arange(first, first + size, dtype=np.float32)
    else:
        x = np.arange(first, first + 3, dtype=np.float32)[None]
    return Call(model, number, x[0] if model == "digest" else x, random.random() < 0.1)


async def live(port: int, numbers: Counter[str], is_over: Callable[[], bool]) -> None:
    """One connection, from its beginning to its end."""
    loop = asyncio.get_running_loop()
    _, peer = await loop.create_connection(
        lambda: Peer(is_slow=random.random() < 0.2), "127.0.0.1", port
    )
    await asyncio.wait_for(peer.ready, PATIENCE_S)
    for _ in range(random.randrange(1, CALLS_MAX)):
        await peer.until(lambda: len(peer.calls) < IN_FLIGHT_MAX)
        if failure.done() or is_over():
            break
        call = make_call(numbers)
        if peer.room < 2 * call.x.nbytes + 1000:
            break
        fate = random.random()
        stream = peer.send(call, cut=fate < 0.03)
        if fate < 0.11:  # of which those that were cut must be
            loop.call_later(random.choice((0, 0.001, 0.005)), peer.cancel, stream)
    if random.random() < 0.3:
        peer.kill()
        return
    await peer.until(lambda: not peer.calls)
    peer.transport.close()


async def load(port: int, seconds: float, seed: int) -> None:
    global failure
    random.seed(seed)
    loop = asyncio.get_running_loop()
    failure = loop.create_future()
    end = loop.time() + seconds
    numbers = Counter(next=seed << 24)

    async def work() -> None:
        while loop.time() < end and not failure.done():
            await live(port, numbers, lambda: loop.time() >= end)
            tally["connections"] += 1

    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
    if failure.done():
        failure.result()
    ends = sum(tally[end] for end in ("ok", "expired", "cancelled", "killed"))
    if ends != tally["sent"]:
        raise WrongServerError(f"{tally['sent']} requests were sent, {ends} have ended")


def main() -> None:
    port, seconds, seed = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    asyncio.run(load(port, seconds, seed))
    print(json.dumps(tally))


if __name__ == "__main__":
    main()
