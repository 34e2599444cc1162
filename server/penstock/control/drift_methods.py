# SPDX-License-Identifier: Apache-2.0
"""The part of Penstock's admin service that tells of monitoring: messages in, messages out."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from google.protobuf.message import Message

from penstock.control.drift_messages import status_message, statuses_message
from penstock.control.drift_verbs import DriftVerbs
from penstock_client._proto import drift_pb2 as pb

__all__ = ["drift_methods"]


def drift_methods(verbs: DriftVerbs) -> Mapping[str, Callable[[Any], Awaitable[Message]]]:
    """Name -> method; a refusal is raised."""

    async def get(request: pb.GetDriftRequest) -> Message:
        found = await verbs.status(request.model, request.version, window_s=request.window_s)
        return status_message(found)

    async def listed(request: pb.ListDriftRequest) -> Message:
        return statuses_message(*verbs.statuses(limit=request.limit))

    return {"GetDrift": get, "ListDrift": listed}
