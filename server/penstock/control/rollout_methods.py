# SPDX-License-Identifier: Apache-2.0
"""Penstock's admin service on the gRPC port: messages in, messages out."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.message import Message

from penstock.control.drift_methods import drift_methods
from penstock.control.drift_verbs import DriftVerbs
from penstock.control.grpc_answers import answered, answered_all, serialized
from penstock.control.rollout_messages import explanation_json, rollout_message, spec_of
from penstock.control.rollout_verbs import RolloutVerbs, StartWish
from penstock.control.route_methods import route_methods
from penstock.control.route_verbs import RouteVerbs
from penstock.control.shadow_messages import examples_message
from penstock.hosting import ServiceHost
from penstock.rollout.read import rollout_of_toml
from penstock.rollout.spec import RolloutSpec
from penstock_client._proto import admin_pb2 as pb
from penstock_client._proto.pool import service_methods

__all__ = ["ADMIN_SERVICE", "add_admin_methods"]

ADMIN_SERVICE = "penstock.admin.v1.AdminService"


def add_admin_methods(
    host: ServiceHost, verbs: RolloutVerbs, routes: RouteVerbs, drift: DriftVerbs
) -> None:
    """Adds the whole service."""
    methods = _Methods(verbs)
    unary: dict[str, Callable[[Any], Awaitable[Message]]] = {
        "StartRollout": methods.start,
        "GetRollout": methods.get,
        "ListRollouts": methods.list,
        "PromoteRollout": methods.promote,
        "PauseRollout": methods.pause,
        "ResumeRollout": methods.resume,
        "RollBackRollout": methods.roll_back,
        "ExplainRollout": methods.explain,
        "ListRolloutExamples": methods.examples,
        **route_methods(routes),
        **drift_methods(drift),
    }
    declared = service_methods(ADMIN_SERVICE)
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(
            answered(verb),
            request_deserializer=declared[name].request.FromString,
            response_serializer=serialized,
        )
        for name, verb in unary.items()
    }
    handlers["WatchRollout"] = grpc.unary_stream_rpc_method_handler(
        answered_all(methods.watch),
        request_deserializer=declared["WatchRollout"].request.FromString,
        response_serializer=serialized,
    )
    host.add_registered_method_handlers(ADMIN_SERVICE, handlers)


class _Methods:
    """A refusal is raised."""

    def __init__(self, verbs: RolloutVerbs) -> None:
        self._verbs = verbs

    async def start(self, request: pb.StartRolloutRequest) -> Message:
        wish = StartWish(
            model=request.model,
            candidate=request.candidate,
            stable=request.stable,
            spec=_spec(request),
            allows_signature_change=request.allows_signature_change,
        )
        return rollout_message(await self._verbs.start(wish))

    async def get(self, request: pb.GetRolloutRequest) -> Message:
        return rollout_message(self._verbs.status(request.model, request.rollout))

    async def list(self, request: pb.ListRolloutsRequest) -> Message:
        found = self._verbs.statuses(
            request.model, ongoing_only=request.ongoing_only, limit=request.limit
        )
        return pb.ListRolloutsResponse(rollouts=[rollout_message(one) for one in found])

    async def promote(self, request: pb.PromoteRolloutRequest) -> Message:
        return rollout_message(await self._verbs.promote(request.model, request.rollout))

    async def pause(self, request: pb.PauseRolloutRequest) -> Message:
        status = await self._verbs.pause(request.model, request.rollout, is_paused=True)
        return rollout_message(status)

    async def resume(self, request: pb.ResumeRolloutRequest) -> Message:
        status = await self._verbs.pause(request.model, request.rollout, is_paused=False)
        return rollout_message(status)

    async def roll_back(self, request: pb.RollBackRolloutRequest) -> Message:
        status = await self._verbs.roll_back(request.model, request.rollout, reason=request.reason)
        return rollout_message(status)

    async def explain(self, request: pb.ExplainRolloutRequest) -> Message:
        found = await self._verbs.explain(request.model, request.rollout)
        return pb.ExplainRolloutResponse(explanation_json=explanation_json(found))

    async def examples(self, request: pb.ListRolloutExamplesRequest) -> Message:
        found = await self._verbs.examples(request.model, request.rollout, limit=request.limit)
        return examples_message(found)

    async def watch(self, request: pb.WatchRolloutRequest) -> AsyncIterator[Message]:
        watched = self._verbs.watch(request.model, request.rollout, interval_ms=request.interval_ms)
        async for status in watched:
            yield rollout_message(status)


def _spec(request: Any) -> RolloutSpec | None:
    match request.WhichOneof("spec_choice"):
        case "spec":
            return spec_of(request.spec)
        case "spec_toml":
            return rollout_of_toml(request.spec_toml)
    return None
