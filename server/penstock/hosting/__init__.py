# SPDX-License-Identifier: Apache-2.0
"""gRPC services written in Python, on the port of inference.

The core hands over every call that it does not answer itself (`bridge_loop`), as bytes; a service's
method is found by its path (`registry`) and run (`runner`), with a context that has the API of
grpc's own (`context`, `sync_context`). Code that protoc generated registers on a `ServiceHost` as
it would on a `grpc.aio.Server`.
"""

from penstock.hosting.host import ServiceHost
from penstock.hosting.loading import register_services

__all__ = ["ServiceHost", "register_services"]
