# SPDX-License-Identifier: Apache-2.0
"""FastAPI on uvicorn, uvloop and httptools: V2 inference echoes INPUT0 as OUTPUT0.

As a careful engineer would write it by hand: the body is read whole, JSON by orjson, tensors are
numpy arrays; binary data behind the JSON is taken and given back as such.

fastapi_echo.py PORT
"""

import socket
import sys

import numpy as np
import orjson
import uvicorn
from fastapi import FastAPI, Request, Response

_HEADER_LENGTH = "inference-header-content-length"

app = FastAPI()


async def infer(model: str, request: Request) -> Response:
    """Answer with the request's tensor."""
    body = await request.body()
    length = request.headers.get(_HEADER_LENGTH)
    head = orjson.loads(body[: int(length)] if length else body)
    tensor = head["inputs"][0]
    output = {"name": "OUTPUT0", "datatype": "FP32", "shape": tensor["shape"]}
    answer = {"model_name": model, "model_version": "1", "outputs": [output]}
    if length is None:
        array = np.asarray(tensor["data"], np.float32).reshape(tensor["shape"])
        output["data"] = array.ravel()
        return Response(
            orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json"
        )
    array = np.frombuffer(body, np.float32, offset=int(length)).reshape(tensor["shape"])
    output["parameters"] = {"binary_data_size": array.nbytes}
    encoded = orjson.dumps(answer)
    return Response(
        encoded + array.tobytes(),
        media_type="application/octet-stream",
        headers={_HEADER_LENGTH: str(len(encoded))},
    )


app.add_api_route("/v2/models/{model}/infer", infer, methods=["POST"])


def main() -> None:
    """Serve on the port given, or on a free one for 0."""
    sock = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    print(f"listening on {sock.getsockname()[1]}", flush=True)
    config = uvicorn.Config(app, loop="uvloop", http="httptools", log_level="error")
    uvicorn.Server(config).run(sockets=[sock])


if __name__ == "__main__":
    main()
