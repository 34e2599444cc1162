# SPDX-License-Identifier: Apache-2.0
"""grpc.aio, uvloop and protobuf: ModelInfer echoes INPUT0 as OUTPUT0.

grpc_aio_echo.py PORT
"""

import sys
from typing import Any

from grpc_aio_server import response_to, serve


async def echo(request: Any, _context: Any) -> Any:
    """Answer with the request's tensor."""
    return response_to(request, request.inputs[0].shape, request.raw_input_contents[0])


if __name__ == "__main__":
    serve(int(sys.argv[1]), echo)
