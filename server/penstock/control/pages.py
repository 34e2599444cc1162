# SPDX-License-Identifier: Apache-2.0
"""The pages for people: of a model, and of the server. Each is one file that needs no other.

What a page shows stands in it as JSON and reaches the browser's tree as text, so that no name can
be markup; the policy in its headers lets nothing but its own script and style be run.
"""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from penstock import __version__
from penstock.control.openapi import (
    example_request,
    model_document,
    model_path,
    tensor_rows,
)
from penstock.control.openapi_server import server_document
from penstock.control.parts import IndexEntry
from penstock_client._proto.model_config_pb2 import ModelConfig

__all__ = ["model_page", "page_headers", "server_page"]


def model_page(config: ModelConfig, version: str = "") -> bytes:
    """The page of a model: its tensors, a request to send, its routes."""
    document = model_document(config, version)
    base = model_path(config.name, version)
    return _page(
        {
            "title": config.name,
            "description": document["info"]["description"],
            "server": __version__,
            "home": "/v2/docs",
            "infer": f"{base}/infer",
            "rows_max": config.max_batch_size,
            "inputs": tensor_rows(config, config.input),
            "outputs": tensor_rows(config, config.output),
            "example": example_request(config),
            "routes": _routes(document),
            "openapi": f"{base}/openapi.json",
        }
    )


def server_page(entries: Sequence[IndexEntry]) -> bytes:
    """The page of the server: its models and its routes."""
    document = server_document()
    return _page(
        {
            "title": "Penstock",
            "description": document["info"]["summary"] + ".",
            "server": __version__,
            "models": [
                {
                    "name": one.name,
                    "version": one.version,
                    "state": one.state,
                    "reason": one.reason,
                    "docs": f"{model_path(one.name, one.version)}/docs",
                }
                for one in entries
            ],
            "routes": _routes(document),
            "openapi": "/v2/openapi.json",
        }
    )


@cache
def page_headers() -> tuple[tuple[str, str], ...]:
    """The headers of every page."""
    policy = (
        f"default-src 'none'; script-src {_hash('script')}; style-src {_hash('style')}; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return (
        ("content-type", "text/html; charset=utf-8"),
        ("content-security-policy", policy),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
    )


@cache
def _template() -> str:
    return files("penstock.control").joinpath("page.html").read_text(encoding="utf-8")


def _hash(tag: str) -> str:
    """The policy's word for the one element `tag` of the page that has no attributes."""
    match = re.search(f"<{tag}>(.*?)</{tag}>", _template(), re.DOTALL)
    assert match is not None, tag
    digest = hashlib.sha256(match.group(1).encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _page(facts: dict[str, Any]) -> bytes:
    # Without "<" in it, nothing can end the element that holds it.
    text = json.dumps(facts, ensure_ascii=False).replace("<", "\\u003c")
    return _template().replace("{{facts}}", text).encode()


def _routes(document: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (verb.upper(), path, operation["summary"])
        for path, operations in document["paths"].items()
        for verb, operation in operations.items()
        if verb in ("get", "post")
    ]
