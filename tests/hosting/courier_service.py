# SPDX-License-Identifier: Apache-2.0
"""Servicers of courier.proto, asynchronous and plain, as `--grpc-service` gets them.

Runs inside the server, beside the code that protoc generated.
"""

import asyncio
import os
import socket
from typing import Any

import courier_pb2 as pb
import courier_pb2_grpc as rpc
import grpc

#: What calls have met, for Recall; one list for the whole server.
SEEN: list[str] = []


def tell_gate(text: str) -> None:
    """Reports to the test's gate, and returns when it lets through."""
    with socket.socket(socket.AF_UNIX) as gate:
        gate.connect(os.environ["COURIER_GATE"])
        gate.sendall(b'{"request_rows": [], "first": []}\n')
        gate.recv(1)
    SEEN.append(text)


def fail(request: Any) -> None:
    if request.text == "exit":
        raise SystemExit(3)
    raise KeyError(request.text)


class RichStatus(grpc.Status):
    code = grpc.StatusCode.ABORTED
    details = "rich"
    trailing_metadata = (("grpc-status-details-bin", b"\x08\x0a\x12\x04rich"),)


class Courier(rpc.CourierServicer):  # type: ignore[misc]
    async def Send(self, request: Any, context: Any) -> Any:
        sent = {pair.key: pair.value for pair in context.invocation_metadata()}
        initial = [(key, value) for key, value in sent.items() if key.startswith("x-initial")]
        await context.send_initial_metadata(initial)
        context.set_trailing_metadata(
            [(key, value) for key, value in sent.items() if key.startswith("x-trailing")]
        )
        remaining = context.time_remaining()
        text = f"{request.text} from {context.peer()[:5]} with {remaining is not None}"
        return pb.Parcel(text=text, number=request.number)

    async def Track(self, request: Any, context: Any) -> Any:
        for number in range(request.number):
            yield pb.Parcel(text=request.text, number=number)

    async def Collect(self, requests: Any, context: Any) -> Any:
        numbers = [request.number async for request in requests]
        return pb.Parcel(number=sum(numbers), text=str(len(numbers)))

    async def Talk(self, requests: Any, context: Any) -> None:
        """By read and write, as some prefer to iterators."""
        try:
            while (request := await context.read()) is not grpc.aio.EOF:
                await context.write(pb.Parcel(text=request.text.upper(), number=request.number))
        except asyncio.CancelledError:
            SEEN.append(f"cancelled {context.cancelled()}")
            raise

    async def Fail(self, request: Any, context: Any) -> Any:
        if request.text == "abort":
            await context.abort(grpc.StatusCode.DATA_LOSS, "lost ☺\n", (("why", "rain"),))
        if request.text == "rich":
            await context.abort_with_status(RichStatus())
        if request.text == "code":
            context.set_code(grpc.StatusCode.NOT_FOUND)
            context.set_details("no such address")
            return pb.Parcel(text="is not sent")
        fail(request)
        return None

    async def Wait(self, request: Any, context: Any) -> Any:
        context.add_done_callback(lambda _: SEEN.append(f"done {request.text}"))
        if request.number == 1:
            tell_gate(request.text)  # blocks the event loop, as it never should
        else:
            await asyncio.to_thread(tell_gate, request.text)
        return request

    async def Pour(self, request: Any, context: Any) -> Any:
        try:
            for poured in range(1 << 40):
                SEEN[:] = [f"poured {poured}"]
                yield pb.Parcel(text="x" * request.number)
        finally:
            SEEN.append("cleaned up")

    async def Recall(self, request: Any, context: Any) -> Any:
        return pb.Parcel(text=", ".join(SEEN))


class PlainCourier(rpc.CourierServicer):  # type: ignore[misc]
    def Send(self, request: Any, context: Any) -> Any:
        sent = {pair.key: pair.value for pair in context.invocation_metadata()}
        initial = [(key, value) for key, value in sent.items() if key.startswith("x-initial")]
        context.send_initial_metadata(initial)
        context.set_trailing_metadata(
            [(key, value) for key, value in sent.items() if key.startswith("x-trailing")]
        )
        remaining = context.time_remaining()
        text = f"{request.text} from {context.peer()[:5]} with {remaining is not None}"
        return pb.Parcel(text=text, number=request.number)

    def Track(self, request: Any, context: Any) -> Any:
        for number in range(request.number):
            yield pb.Parcel(text=request.text, number=number)

    def Collect(self, requests: Any, context: Any) -> Any:
        numbers = [request.number for request in requests]
        return pb.Parcel(number=sum(numbers), text=str(len(numbers)))

    def Talk(self, requests: Any, context: Any) -> Any:
        context.add_callback(lambda: SEEN.append(f"cancelled {context.cancelled()}"))
        for request in requests:
            yield pb.Parcel(text=request.text.upper(), number=request.number)

    def Fail(self, request: Any, context: Any) -> Any:
        if request.text == "abort":
            context.set_trailing_metadata((("why", "rain"),))
            context.abort(grpc.StatusCode.DATA_LOSS, "lost ☺\n")
        if request.text == "rich":
            context.abort_with_status(RichStatus())
        if request.text == "code":
            context.set_code(grpc.StatusCode.NOT_FOUND)
            context.set_details("no such address")
            return pb.Parcel(text="is not sent")
        fail(request)
        return None

    def Wait(self, request: Any, context: Any) -> Any:
        context.add_callback(lambda: SEEN.append(f"done {request.text}"))
        tell_gate(request.text)
        return request

    def Pour(self, request: Any, context: Any) -> Any:
        try:
            for poured in range(1 << 40):
                SEEN[:] = [f"poured {poured}"]
                yield pb.Parcel(text="x" * request.number)
        finally:
            SEEN.append("cleaned up")

    def Recall(self, request: Any, context: Any) -> Any:
        return pb.Parcel(text=", ".join(SEEN))


def register(server: Any) -> None:
    rpc.add_CourierServicer_to_server(Courier(), server)


async def register_plain(server: Any) -> None:
    rpc.add_CourierServicer_to_server(PlainCourier(), server)


def register_and_fail(server: Any) -> None:
    register(server)
    raise RuntimeError("no database")
