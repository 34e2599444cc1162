# SPDX-License-Identifier: Apache-2.0
"""A grpc.aio server of ModelInfer on uvloop, as a careful engineer would write it by hand."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "build" / "python"))

import inference_pb2 as pb

Answer = Callable[[Any, Any], Awaitable[Any]]


def response_to(request: Any, shape: list[int], raw: bytes) -> Any:
    """Return the ModelInferResponse that carries one FP32 tensor OUTPUT0."""
    output = pb.ModelInferResponse.InferOutputTensor(name="OUTPUT0", datatype="FP32", shape=shape)
    return pb.ModelInferResponse(
        model_name=request.model_name,
        model_version="1",
        id=request.id,
        outputs=[output],
        raw_output_contents=[raw],
    )


async def _serve(port: int, answer: Answer, register: Callable[[Any], None] | None) -> None:
    server = grpc.aio.server(
        options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    )
    handler = grpc.unary_unary_rpc_method_handler(
        answer,
        request_deserializer=pb.ModelInferRequest.FromString,
        response_serializer=pb.ModelInferResponse.SerializeToString,
    )
    service = grpc.method_handlers_generic_handler(
        "inference.GRPCInferenceService", {"ModelInfer": handler}
    )
    server.add_generic_rpc_handlers((service,))
    if register is not None:
        register(server)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    print("listening on", bound, flush=True)
    await server.wait_for_termination()


def serve(port: int, answer: Answer, register: Callable[[Any], None] | None = None) -> None:
    """Serve until killed; `port` 0 is any free one. Prints "listening on PORT".

    `register` may add more services to the server.
    """
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(_serve(port, answer, register))
