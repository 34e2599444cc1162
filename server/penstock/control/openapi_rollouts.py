# SPDX-License-Identifier: Apache-2.0
"""What the OpenAPI document of a server says of rollouts. Pure.

The schemas of answers are made from the messages of Penstock's admin service, whose JSON they are;
that of a spec from the one that reads it.
"""

from typing import Any

from penstock.control.openapi_messages import (
    closed,
    examples_schema,
    message_schema,
    query_parameter,
)
from penstock.control.openapi_operations import answer, path_parameter, reading, schema
from penstock.control.openapi_schemas import ERROR_ANSWERS
from penstock.rollout.spec import RolloutSpec
from penstock_client._proto import admin_pb2 as pb

__all__ = ["rollout_paths", "rollout_schemas"]

PLACE = "/admin/v1/rollouts"
MODEL = {"parameters": [path_parameter("model")]}


def rollout_paths() -> dict[str, Any]:
    """Path -> what can be asked there."""
    one = f"{PLACE}/{{model}}"
    which = query_parameter("rollout", "Its id; without it, the one that goes on or was last.")
    listed = reading("rollouts", "The rollouts that are kept, newest first", "Rollouts")
    return {
        PLACE: {
            "get": {
                **listed,
                "parameters": [
                    query_parameter("model", "Of this model alone."),
                    query_parameter("ongoing_only", "Without those that have ended.", "boolean"),
                    query_parameter("limit", "At most so many; without it, 100.", "integer"),
                ],
            },
            "post": {
                **_verb("rolloutStart", "Begin a rollout", "RolloutStart", is_required=True),
                "responses": {
                    "201": answer("How it stands in its first state.", "Rollout"),
                    **ERROR_ANSWERS,
                },
            },
        },
        one: {
            **MODEL,
            "get": {
                **reading("rollout", "How a rollout stands, with its evidence", "Rollout"),
                "parameters": [which],
            },
        },
        f"{one}/explain": {
            **MODEL,
            "get": {
                **reading(
                    "rolloutExplain",
                    "Its events, and the verdict computed anew of them",
                    "Explanation",
                ),
                "parameters": [which],
            },
        },
        f"{one}/examples": {
            **MODEL,
            "get": {
                **reading(
                    "rolloutExamples",
                    "Pairs of its shadow for a person to look at, newest first",
                    "Examples",
                ),
                "parameters": [
                    which,
                    query_parameter("limit", "At most so many; 0: 20.", "integer"),
                ],
            },
        },
        **{
            f"{one}/{verb}": {**MODEL, "post": _verb(f"rollout{verb.capitalize()}", summary, body)}
            for verb, summary, body in (
                ("promote", "Make the candidate live now, whatever was shown", "RolloutMeant"),
                ("pause", "Stay at the present share", "RolloutMeant"),
                ("resume", "Go on with a rollout that is paused or held", "RolloutMeant"),
                ("rollback", "Take the candidate out of traffic now", "RolloutEnd"),
            )
        },
    }


def rollout_schemas() -> dict[str, Any]:
    """The schemas that the paths refer to."""
    spec = RolloutSpec.model_json_schema(ref_template=schema("{model}"))
    inner = spec.pop("$defs")
    spec["properties"]["shadow"]["anyOf"].append({"const": False})
    meant = {"rollout": {"type": "string", "description": "Refuse unless the model's has this id."}}
    start = {
        "model": {"type": "string"},
        "candidate": {"type": "integer", "minimum": 1},
        "stable": {"type": "integer", "minimum": 0, "description": "0: what is served now."},
        "spec": {"$ref": schema("RolloutSpec")},
        "spec_toml": {"type": "string", "description": "Or the spec as a rollout.toml."},
        "allows_signature_change": {"type": "boolean"},
    }
    return {
        "Rollouts": closed({"rollouts": {"type": "array", "items": {"$ref": schema("Rollout")}}}),
        "Rollout": message_schema(pb.RolloutStatus.DESCRIPTOR),
        "Explanation": {"type": "object"},
        "Examples": examples_schema(),
        "RolloutStart": {**closed(start), "required": ["model", "candidate"]},
        "RolloutMeant": closed(meant),
        "RolloutEnd": closed({**meant, "reason": {"type": "string", "maxLength": 1000}}),
        "RolloutSpec": spec,
        **inner,
    }


def _verb(operation: str, summary: str, body: str, *, is_required: bool = False) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": schema(body)}}}
    return {
        "operationId": operation,
        "summary": summary,
        "requestBody": {"required": is_required, "content": content},
        "responses": {"200": answer("How it stands then.", "Rollout"), **ERROR_ANSWERS},
    }
