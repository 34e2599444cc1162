# SPDX-License-Identifier: Apache-2.0
"""Run with kserve's own Python: `kserve_story.py REST GRPC`. Prints what was answered, as JSON.

Of the server it knows the addresses alone, and of this project nothing.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import grpc
import httpx
import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest
from kserve.inference_client import RESTConfig
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub
from kserve.protocol.infer_type import RequestedOutput

ROWS = [[1.0, 2.0], [3.0, 4.0]]
PAIR = np.array(ROWS, np.float32)


def request(model: str, *, is_binary: bool, **options: Any) -> InferRequest:
    """a and b for `simple`, b ten times a."""
    inputs = []
    for name, values in (("a", PAIR), ("b", 10 * PAIR)):
        tensor = InferInput(name, [2, 2], "FP32")
        tensor.set_data_from_numpy(values, binary_data=is_binary)
        inputs.append(tensor)
    return InferRequest(model_name=model, infer_inputs=inputs, request_id="7", **options)


def told(answer: Any) -> dict[str, Any]:
    """An answer as JSON has it."""
    return {
        "id": answer.id,
        "model": answer.model_name,
        "version": answer.model_version,
        "outputs": {output.name: output.as_numpy().tolist() for output in answer.outputs},
    }


async def over_rest(address: str) -> dict[str, Any]:
    """V2 over REST."""
    base = f"http://{address}"
    found: dict[str, Any] = {}
    async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
        found["live"] = await client.is_server_live(base)
        found["ready"] = await client.is_server_ready(base)
        found["model_ready"] = await client.is_model_ready(base, "simple")
        found["rose_ready"] = await client.is_model_ready(base, "rose")
        for kind in ("json", "binary"):
            sent = request("simple", is_binary=kind == "binary")
            found[kind] = told(await client.infer(base, sent, model_name="simple"))
        sent = request(
            "simple",
            is_binary=True,
            request_outputs=[RequestedOutput("gap", {"binary_data": True})],
            parameters={"tenant": "blue"},
        )
        found["asked_for"] = told(await client.infer(base, sent, model_name="simple"))
        texts = InferInput("s", [2], "BYTES", data=["a", "grüße"])
        sent = InferRequest(model_name="texts", infer_inputs=[texts])
        answer = await client.infer(base, sent, model_name="texts")
        found["texts"] = answer.outputs[0].data
        try:
            await client.infer(base, request("rose", is_binary=False), model_name="rose")
        except httpx.HTTPStatusError as error:
            found["rose"] = str(error)
    return found


async def over_v1(address: str) -> dict[str, Any]:
    """V1 over REST."""
    base = f"http://{address}"
    found: dict[str, Any] = {}
    async with InferenceRESTClient(RESTConfig(protocol="v1")) as client:
        found["live"] = await client.is_server_live(base)
        found["model_ready"] = await client.is_model_ready(base, "simple")
        rows = {"instances": [[1, 2, 3], [4, 5, 6]]}
        found["rows"] = await client.infer(base, rows, model_name="affine")
        named = {"instances": [{"a": row, "b": row} for row in ROWS]}
        found["named_rows"] = await client.infer(base, named, model_name="simple")
        columns = {"inputs": {"a": ROWS, "b": ROWS}}
        found["columns"] = await client.infer(base, columns, model_name="simple")
        for name, call in (
            ("rose_ready", client.is_model_ready(base, "rose")),
            ("rose", client.infer(base, rows, model_name="rose")),
        ):
            try:
                await call
            except httpx.HTTPStatusError as error:
                found[name] = [error.response.status_code, str(error)]
    return found


async def over_grpc(address: str) -> dict[str, Any]:
    """V2 over gRPC."""
    found: dict[str, Any] = {}
    async with InferenceGRPCClient(address) as client:
        found["live"] = await client.is_server_live()
        found["ready"] = await client.is_server_ready()
        found["model_ready"] = await client.is_model_ready("simple")
        for kind in ("json", "binary"):
            sent = request("simple", is_binary=kind == "binary")
            found[kind] = told(await client.infer(sent, headers=[("x-tenant", "blue")]))
        try:
            await client.infer(request("rose", is_binary=True))
        except grpc.RpcError as error:
            found["rose"] = [error.code().name, error.details()]
    return found


async def repository(address: str) -> dict[str, Any]:
    """KServe's messages of loading and unloading, by its generated stubs."""
    found: dict[str, Any] = {}
    async with grpc.aio.insecure_channel(address) as channel:
        stub = GRPCInferenceServiceStub(channel)

        async def is_ready() -> bool:
            answer = await stub.ModelReady(pb.ModelReadyRequest(name="affine"))
            return bool(answer.ready)

        unload = pb.RepositoryModelUnloadRequest(model_name="affine")
        answer = await stub.RepositoryModelUnload(unload)
        found["unload"] = [answer.model_name, answer.isUnloaded, await is_ready()]
        load = pb.RepositoryModelLoadRequest(model_name="affine")
        answer = await stub.RepositoryModelLoad(load)
        found["load"] = [answer.model_name, answer.isLoaded, await is_ready()]
        metadata = await stub.ModelMetadata(pb.ModelMetadataRequest(name="described"))
        found["described"] = [metadata.name, [tensor.name for tensor in metadata.inputs]]
        try:
            await stub.RepositoryModelLoad(pb.RepositoryModelLoadRequest(model_name="rose"))
        except grpc.RpcError as error:
            found["rose"] = [error.code().name, error.details()]
    return found


async def main() -> None:
    """Tells all of it."""
    rest, over = sys.argv[1:]
    told = {
        "rest": await over_rest(rest),
        "v1": await over_v1(rest),
        "grpc": await over_grpc(over),
        "repository": await repository(over),
    }
    print(json.dumps(told))


asyncio.run(main())
