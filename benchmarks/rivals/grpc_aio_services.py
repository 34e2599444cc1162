# SPDX-License-Identifier: Apache-2.0
"""grpc.aio and uvloop: ModelInfer echoes INPUT0 as OUTPUT0, beside echo_service.

grpc_aio_services.py PORT
"""

import sys

from echo_service import register
from grpc_aio_echo import echo
from grpc_aio_server import serve

if __name__ == "__main__":
    serve(int(sys.argv[1]), echo, register)
