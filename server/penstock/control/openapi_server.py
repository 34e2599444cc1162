# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI document of a server: what can be asked of it, whatever its models are. Pure."""

from typing import Any

from penstock import __version__
from penstock.control.openapi_drift import drift_paths, drift_schemas
from penstock.control.openapi_operations import (
    OPENAPI,
    changing,
    path_parameter,
    plain,
    reading,
)
from penstock.control.openapi_rollouts import rollout_paths, rollout_schemas
from penstock.control.openapi_schemas import SHARED_SCHEMAS
from penstock.control.openapi_traffic import route_paths, route_schemas

__all__ = ["server_document"]

MODEL = {"parameters": [path_parameter("model")]}
REGION = {"parameters": [path_parameter("region")]}


def server_document() -> dict[str, Any]:
    """The document."""
    return {
        "openapi": OPENAPI,
        "info": {
            "title": "Penstock",
            "version": __version__,
            "summary": "An inference server that speaks the V2 protocol",
            "description": "Each model has a document of its own at /v2/models/MODEL/openapi.json.",
        },
        "servers": [{"url": "/"}],
        "paths": {
            **_models(),
            **_repository(),
            **rollout_paths(),
            **route_paths(),
            **drift_paths(),
            **_shared_memory(),
            **_settings(),
            **_v1(),
        },
        "components": {
            "schemas": {
                **SHARED_SCHEMAS,
                **rollout_schemas(),
                **route_schemas(),
                **drift_schemas(),
            }
        },
    }


def _models() -> dict[str, Any]:
    infer = changing("infer", "Run a model", "InferAnswer", is_required=True)
    base = "/v2/models/{model}"
    return {
        "/v2": {"get": reading("serverMetadata", "Name, version and extensions", "Metadata")},
        "/v2/health/live": {"get": reading("live", "Whether the server answers", "Flag")},
        "/v2/health/ready": {"get": reading("ready", "Whether the server wants requests", "Flag")},
        base: {
            **MODEL,
            "get": reading(
                "modelMetadata", "Names, datatypes and shapes of a model's tensors", "Metadata"
            ),
        },
        f"{base}/ready": {
            **MODEL,
            "get": reading("modelReady", "Whether a model can be asked", "Flag"),
        },
        f"{base}/infer": {**MODEL, "post": infer},
        f"{base}/config": {
            **MODEL,
            "get": reading("config", "A model's completed configuration", "Config"),
        },
        f"{base}/stats": {
            **MODEL,
            "get": reading("statistics", "Counts and durations of a model", "Statistics"),
        },
        "/v2/models/stats": {
            "get": reading("allStatistics", "Counts and durations of all models", "Statistics")
        },
    }


def _repository() -> dict[str, Any]:
    index = changing(
        "repositoryIndex", "The models that the repositories hold", "Index", is_required=False
    )
    return {
        "/v2/repository/index": {"post": index},
        **{
            f"/v2/repository/models/{{model}}/{verb}": {
                **MODEL,
                "post": plain(f"{verb}Model", f"{verb.capitalize()} a model", has_body=True),
            }
            for verb in ("load", "unload")
        },
    }


def _shared_memory() -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for kind, what in (("system", "system shared memory"), ("cuda", "a GPU's memory")):
        base = f"/v2/{kind}sharedmemory"
        paths[f"{base}/status"] = {"get": reading(f"{kind}All", f"Regions of {what}", "Regions")}
        paths[f"{base}/unregister"] = {
            "post": plain(f"{kind}UnregisterAll", f"Unregister all regions of {what}")
        }
        one = f"{base}/region/{{region}}"
        paths[f"{one}/status"] = {
            **REGION,
            "get": reading(f"{kind}One", f"One region of {what}", "Regions"),
        }
        paths[f"{one}/register"] = {
            **REGION,
            "post": plain(f"{kind}Register", f"Register a region of {what}", has_body=True),
        }
        paths[f"{one}/unregister"] = {
            **REGION,
            "post": plain(f"{kind}Unregister", f"Unregister a region of {what}"),
        }
    return paths


def _settings() -> dict[str, Any]:
    return {
        path: {
            **(MODEL if "{model}" in path else {}),
            "get": reading(f"{name}Settings", f"Settings {what}", "Settings"),
            "post": changing(
                f"{name}Change", f"Change settings {what}", "Settings", is_required=True
            ),
        }
        for path, name, what in (
            ("/v2/logging", "log", "of the log"),
            ("/v2/trace/setting", "trace", "of tracing"),
            ("/v2/models/{model}/trace/setting", "modelTrace", "of tracing for a model"),
        )
    }


def _v1() -> dict[str, Any]:
    return {
        "/": {"get": reading("v1Alive", "Whether the server answers, by KServe's V1", "Flag")},
        "/v1/models": {"get": reading("v1Models", "The models that can be asked", "V1Models")},
        "/v1/models/{model}": {
            **MODEL,
            "get": reading("v1ModelReady", "Whether a model can be asked, by KServe's V1", "Flag"),
        },
        "/v1/models/{model}:predict": {
            **MODEL,
            "post": changing(
                "v1Predict", "Run a model by KServe's V1", "V1Answer", is_required=True
            ),
        },
    }
