# SPDX-License-Identifier: Apache-2.0
"""Run with mlserver's own Python: `mlserver_story.py REST GRPC`. Prints what was answered, as JSON.

Of the server it knows the addresses alone, and of this project nothing.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import grpc
import numpy as np
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.grpc import dataplane_pb2 as pb
from mlserver.grpc import model_repository_pb2 as repository_pb
from mlserver.grpc.converters import ModelInferRequestConverter, ModelInferResponseConverter
from mlserver.grpc.dataplane_pb2_grpc import GRPCInferenceServiceStub
from mlserver.grpc.model_repository_pb2_grpc import ModelRepositoryServiceStub
from mlserver.types import InferenceRequest, Parameters


def request() -> InferenceRequest:
    """a and b for `simple`, b ten times a. A conversion takes the values out of it."""
    pair = np.array([[1, 2], [3, 4]], np.float32)
    return InferenceRequest(
        id="7",
        parameters=Parameters(content_type="np"),
        inputs=[NumpyCodec.encode_input("a", pair), NumpyCodec.encode_input("b", 10 * pair)],
    )


def inference(stub: Any) -> dict[str, Any]:
    """By the generated stubs, with mlserver's own converters from and to its types."""
    found: dict[str, Any] = {
        "live": stub.ServerLive(pb.ServerLiveRequest()).live,
        "ready": stub.ServerReady(pb.ServerReadyRequest()).ready,
        "model_ready": stub.ModelReady(pb.ModelReadyRequest(name="simple")).ready,
        "server": stub.ServerMetadata(pb.ServerMetadataRequest()).name,
    }
    for kind in ("typed", "raw"):
        message = ModelInferRequestConverter.from_types(
            request(), model_name="simple", use_raw=kind == "raw"
        )
        answer = ModelInferResponseConverter.to_types(stub.ModelInfer(message))
        found[kind] = {
            "id": answer.id,
            "model": answer.model_name,
            "outputs": {o.name: NumpyCodec.decode_output(o).tolist() for o in answer.outputs},
        }
    texts = InferenceRequest(
        inputs=[StringCodec.encode_input("s", ["a", "grüße"], use_bytes=False)],
    )
    texts.inputs[0].shape = [2]
    message = ModelInferRequestConverter.from_types(texts, model_name="texts", use_raw=True)
    answer = ModelInferResponseConverter.to_types(stub.ModelInfer(message))
    found["texts"] = StringCodec.decode_output(answer.outputs[0])
    metadata = stub.ModelMetadata(pb.ModelMetadataRequest(name="typed"))
    found["content_type"] = metadata.inputs[0].parameters["content_type"].string_param
    try:
        stub.ModelInfer(ModelInferRequestConverter.from_types(request(), model_name="rose"))
    except grpc.RpcError as error:
        found["rose"] = [error.code().name, error.details()]
    return found


def repository(stub: Any, asked: Any) -> dict[str, Any]:
    """Index, load and unload by `stub`; `asked` says whether the model is ready."""

    def is_ready() -> bool:
        return bool(asked.ModelReady(pb.ModelReadyRequest(name="affine")).ready)

    messages = repository_pb
    index = stub.RepositoryIndex(messages.RepositoryIndexRequest(ready=True))
    found: dict[str, Any] = {"index": sorted({model.name for model in index.models})}
    stub.RepositoryModelUnload(messages.RepositoryModelUnloadRequest(model_name="affine"))
    found["after_unload"] = is_ready()
    stub.RepositoryModelLoad(messages.RepositoryModelLoadRequest(model_name="affine"))
    found["after_load"] = is_ready()
    try:
        stub.RepositoryModelLoad(messages.RepositoryModelLoadRequest(model_name="rose"))
    except grpc.RpcError as error:
        found["rose"] = [error.code().name, error.details()]
    return found


def main() -> None:
    """Tells all of it."""
    with grpc.insecure_channel(sys.argv[2]) as channel:
        stub = GRPCInferenceServiceStub(channel)
        told = {
            "inference": inference(stub),
            "repository": repository(ModelRepositoryServiceStub(channel), stub),
        }
    print(json.dumps(told))


main()
