# SPDX-License-Identifier: Apache-2.0
"""grpc.aio, uvloop and protobuf with one ONNX Runtime run for each request, on the event loop.

grpc_aio_ort.py PORT MODEL

The run is short (microseconds), so a thread for it would only add to its cost.
"""

import sys
from typing import Any

import numpy as np
import onnxruntime as ort
from grpc_aio_server import response_to, serve


def main() -> None:
    """Load the model and serve it."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = ort.InferenceSession(sys.argv[2], options, providers=["CPUExecutionProvider"])

    async def infer(request: Any, _context: Any) -> Any:
        shape = tuple(request.inputs[0].shape)
        rows = np.frombuffer(request.raw_input_contents[0], np.float32).reshape(shape)
        (output,) = session.run(["OUTPUT0"], {"INPUT0": rows})
        return response_to(request, output.shape, output.tobytes())

    serve(int(sys.argv[1]), infer)


if __name__ == "__main__":
    main()
