# SPDX-License-Identifier: Apache-2.0
"""OpenAPI documents and pages: valid, of the model that they are of, and safe to open."""

from __future__ import annotations

import asyncio
import html.parser
import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from tests.doubles.control_parts import ADDER, Parts, config_of, quiet_log

from penstock.control.openapi import (
    EXAMPLE_ELEMENTS_MAX,
    example_request,
    model_document,
)
from penstock.control.openapi_server import server_document
from penstock.control.parts import IndexEntry
from penstock.control.rest import RestAnswer, RestCall
from penstock.control.rest_application import RestControl
from penstock.control.rest_routes import ROUTES, find_route
from penstock_client._proto.model_config_pb2 import ModelConfig

MODELS = {
    "batched": ADDER,
    "one row": 'name: "m" max_batch_size: 1 input { name: "a" data_type: TYPE_BOOL dims: [1] }'
    ' output { name: "b" data_type: TYPE_STRING dims: [-1] }',
    "unbatched": 'name: "m" input { name: "a" data_type: TYPE_FP16 dims: [-1, 3] }'
    ' input { name: "b" data_type: TYPE_STRING dims: [2] }'
    ' input { name: "c" data_type: TYPE_UINT64 dims: [1] optional: true }'
    ' output { name: "d" data_type: TYPE_BF16 dims: [-1] }',
    "no plain name": 'name: "a b/{c}<é" input { name: "x" data_type: TYPE_INT8 dims: [1] }',
    "no tensors": 'name: "m"',
    "a scalar": 'name: "m" input { name: "x" data_type: TYPE_FP64 }',
}
HOSTILE = "</script><script>alert(1)</script><!--"


@pytest.fixture
def parts() -> Iterator[Parts]:
    with quiet_log() as (output, _):
        yield Parts(output)


def ask(parts: Parts, path: str) -> RestAnswer:
    async def asked() -> RestAnswer:
        return await RestControl(parts.application)(RestCall(method="GET", path=path))

    return asyncio.run(asked())


def request_validator(config: ModelConfig) -> Draft202012Validator:
    document = model_document(config)
    schema = document["components"]["schemas"]["InferRequest"]
    return Draft202012Validator({**schema, "components": document["components"]})


@pytest.mark.parametrize("text", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("version", ["", "3"])
def test_the_document_of_any_model_is_valid(text: str, version: str) -> None:
    validate(model_document(config_of(text), version))


def test_the_document_of_the_server_is_valid() -> None:
    validate(server_document())


@pytest.mark.parametrize("text", MODELS.values(), ids=MODELS)
def test_the_example_is_what_its_schema_says(text: str) -> None:
    config = config_of(text)
    example = example_request(config)
    assert example is not None
    request_validator(config).validate(example)
    for tensor in example["inputs"]:
        assert len(tensor["data"]) == math.prod(tensor["shape"])
    required = [one.name for one in config.input if not one.optional]
    assert [tensor["name"] for tensor in example["inputs"]] == required


def test_a_batched_model_takes_a_row_first_and_keeps_what_is_not_its_dims() -> None:
    example = example_request(config_of(ADDER))
    assert example is not None
    assert [(one["name"], one["shape"]) for one in example["inputs"]] == [
        ("INPUT0", [1, 16]),
        ("INPUT1", [1, 16]),
    ]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("name", "INPUT9"),
        ("datatype", "FP32"),
        ("shape", [16]),
        ("shape", [1, 17]),
        ("shape", [9, 16]),
        ("shape", [0, 16]),
        ("data", ["a"]),
        ("data", [2**31]),
    ],
)
def test_the_schema_refuses_what_the_model_would(place: str, value: Any) -> None:
    config = config_of(ADDER)
    example = example_request(config)
    assert example is not None
    example["inputs"][0][place] = value
    assert not request_validator(config).is_valid(example)


def test_an_example_is_bounded() -> None:
    def config(size: int) -> ModelConfig:
        return config_of(f'name: "m" input {{ name: "x" data_type: TYPE_FP32 dims: [{size}] }}')

    assert example_request(config(EXAMPLE_ELEMENTS_MAX)) is not None
    assert example_request(config(EXAMPLE_ELEMENTS_MAX + 1)) is None
    validate(model_document(config(EXAMPLE_ELEMENTS_MAX + 1)))


def test_the_document_of_the_server_has_every_route_but_documents_and_versions() -> None:
    told = set(server_document()["paths"])
    routes = {
        place + ending
        for route, (_, places, endings) in ROUTES.items()
        for place in places
        for ending in endings
        if route not in ("docs", "openapi")
    }
    wanted = {path for path in routes if "{version}" not in path and "{repository}" not in path}
    # A region without a name cannot be registered.
    assert wanted - told == {f"/v2/{kind}sharedmemory/register" for kind in ("system", "cuda")}
    assert told - routes == {
        "/v2",
        "/v2/health/live",
        "/v2/health/ready",
        "/v2/models/{model}",
        "/v2/models/{model}/ready",
        "/v2/models/{model}/infer",
        "/v1/models/{model}:predict",
    }


def test_every_path_of_a_document_that_this_application_answers_is_a_route() -> None:
    native = {"", "/ready", "/infer"}
    for path in model_document(config_of(MODELS["no plain name"]))["paths"]:
        base = "/v2/models/a%20b%2F%7Bc%7D%3C%C3%A9"
        assert path.startswith(base)
        assert path.removeprefix(base) in native or find_route(path) is not None


@pytest.mark.parametrize(
    "path",
    [
        "/v2/models/adder/openapi.json",
        "/v2/models/adder/docs/dataplane.json",
        "/v2/models/adder/versions/1/openapi.json",
        "/v2/openapi.json",
        "/v2/docs/dataplane.json",
    ],
)
def test_documents_are_served(parts: Parts, path: str) -> None:
    answer = ask(parts, path)
    assert (answer.status, dict(answer.headers)["content-type"]) == (200, "application/json")
    assert json.loads(answer.body)["openapi"] == "3.1.0"


def test_a_model_that_is_not_there_has_no_page(parts: Parts) -> None:
    assert ask(parts, "/v2/models/none/docs").status == 404
    assert ask(parts, "/v2/models/adder/versions/2/openapi.json").status == 404


class Elements(html.parser.HTMLParser):
    """What a browser would find in a page."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.facts = ""
        self._is_facts = False
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._is_facts = ("id", "facts") in attrs
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        if self._is_facts:
            self.facts += data
            self._is_facts = False


@pytest.mark.parametrize("path", ["/v2/docs", "/v2/models/adder/docs"])
def test_a_page_needs_no_other_file_and_runs_nothing_but_its_own(parts: Parts, path: str) -> None:
    answer = ask(parts, path)
    headers = dict(answer.headers)
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'; script-src 'sha256-" in headers["content-security-policy"]
    found = Elements(answer.body)
    assert found.links == ["openapi.json"]  # in <noscript>
    assert found.tags.count("script") == 2
    assert json.loads(found.facts)["routes"]


def test_a_name_cannot_be_markup(parts: Parts) -> None:
    config = config_of(ADDER)
    config.input[0].name = HOSTILE
    parts.repository.configs[HOSTILE] = config
    parts.repository.entries.append(IndexEntry(name=HOSTILE, version="1", state="READY"))
    usual = Elements(ask(parts, "/v2/models/adder/docs").body).tags
    encoded = "%3C%2Fscript%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E%3C!--"
    found = Elements(ask(parts, f"/v2/models/{encoded}/docs").body)
    assert found.tags == usual
    assert json.loads(found.facts)["title"] == HOSTILE
    models = json.loads(Elements(ask(parts, "/v2/docs").body).facts)["models"]
    assert models[-1]["name"] == HOSTILE
