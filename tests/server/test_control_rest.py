# SPDX-License-Identifier: Apache-2.0
"""Routes, bodies and errors of REST: calls in, answers out."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.doubles.control_parts import Parts, quiet_log

from penstock.control.parts import LoadWish
from penstock.control.rest import RestAnswer, RestCall
from penstock.control.rest_application import BASE64_PIECE, RestControl
from penstock.control.rest_routes import ROUTES, find_route
from penstock.errors import ControlError

NAMES = st.sampled_from(
    ["ready", "parameters", "config", "file:1/m", "key", "offset", "byte_size", "raw_handle", "b64",
     "device_id", "unload_dependents", "trace_level", "trace_rate", "log_info", "log_format", "x"]
)  # fmt: skip
HANDLE = base64.b64encode(b"h" * 64).decode()


@pytest.fixture
def parts() -> Iterator[Parts]:
    with quiet_log() as (output, _):
        yield Parts(output)


def ask(parts: Parts, method: str, path: str, body: Any = b"") -> RestAnswer:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    call = RestCall(method=method, path=path, body=sent)
    return asyncio.run(_asked(parts, call))


async def _asked(parts: Parts, call: RestCall) -> RestAnswer:
    return await RestControl(parts.application)(call)


def got(parts: Parts, path: str) -> Any:
    answer = ask(parts, "GET", path)
    assert answer.status == 200, answer.body
    assert ("content-type", "application/json") in answer.headers
    return json.loads(answer.body)


def refused(parts: Parts, method: str, path: str, body: Any = b"") -> tuple[int, str]:
    answer = ask(parts, method, path, body)
    error = json.loads(answer.body)
    assert error.keys() == {"error"}
    return answer.status, error["error"]


def test_every_route_is_answered() -> None:
    with quiet_log() as (output, _):
        control = RestControl(Parts(output).application)
    assert control._routes.keys() == ROUTES.keys()


# -- models ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v2/models/adder/config", "/v2/models/adder/versions/1/config"])
def test_a_configuration_has_fields_by_their_own_names_and_64_bit_numbers(
    parts: Parts, path: str
) -> None:
    config = got(parts, path)
    assert config["name"] == "adder"
    assert config["max_batch_size"] == 8
    assert config["input"][0] == {
        "name": "INPUT0",
        "data_type": "TYPE_INT32",
        "format": "FORMAT_NONE",
        "dims": [16],
        "is_shape_tensor": False,
        "allow_ragged_batch": False,
        "optional": False,
        "is_non_linear_format_io": False,
    }
    assert config["dynamic_batching"]["max_queue_delay_microseconds"] == 100
    assert config["parameters"] == {"notes": {"string_value": "two"}}
    assert config["version_policy"] == {"latest": {"num_versions": 1}}


def test_a_model_that_is_not_there_is_404(parts: Parts) -> None:
    status, why = refused(parts, "GET", "/v2/models/none/config")
    assert status == 404
    assert "Request for unknown model" in why


@pytest.mark.parametrize("path", ["/v2/models/adder/stats", "/v2/models/stats"])
def test_statistics_are_numbers_with_every_duration(parts: Parts, path: str) -> None:
    (one,) = got(parts, path)["model_stats"]
    assert list(one) == [
        "name",
        "version",
        "last_inference",
        "inference_count",
        "execution_count",
        "inference_stats",
        "response_stats",
        "batch_stats",
        "memory_usage",
    ]
    assert one["inference_stats"]["success"] == {"count": 3, "ns": 2**53 + 1}
    assert one["inference_stats"]["cache_miss"] == {"count": 0, "ns": 0}
    assert one["batch_stats"][0] == {
        "batch_size": 4,
        "compute_input": {"count": 0, "ns": 0},
        "compute_infer": {"count": 2, "ns": 0},
        "compute_output": {"count": 0, "ns": 0},
    }
    assert one["response_stats"] == {}


def test_kserves_first_protocol_tells_who_is_ready(parts: Parts) -> None:
    assert got(parts, "/") == {"status": "alive"}
    assert got(parts, "/v1/models") == {"models": ["adder"]}
    assert got(parts, "/v1/models/adder") == {"name": "adder", "ready": True}
    status, why = refused(parts, "GET", "/v1/models/none")
    assert status == 404
    assert "Request for unknown model" in why
    assert refused(parts, "POST", "/v1/models/adder")[0] == 405


# -- the repository -------------------------------------------------------------------------------


def test_the_index_tells_state_and_reason_of_what_was_tried(parts: Parts) -> None:
    answer = ask(parts, "POST", "/v2/repository/index")
    assert json.loads(answer.body) == [
        {"name": "adder", "version": "1", "state": "READY", "reason": ""},
        {"name": "bad", "version": "2", "state": "UNAVAILABLE", "reason": "no model.onnx"},
        {"name": "idle"},
    ]


def test_the_index_of_what_is_ready_and_of_one_repository(parts: Parts) -> None:
    answer = ask(parts, "POST", "/v2/repository/main/index", {"ready": True})
    assert [one["name"] for one in json.loads(answer.body)] == ["adder"]
    assert refused(parts, "POST", "/v2/repository/other/index")[0] == 404


def test_a_load_passes_the_configuration_and_files_on(parts: Parts) -> None:
    body = {
        "parameters": {
            "config": '{"backend":"onnxruntime"}',
            "file:1/model.onnx": base64.b64encode(b"\0graph").decode(),
        }
    }
    answer = ask(parts, "POST", "/v2/repository/models/adder/load", body)
    assert (answer.status, answer.body) == (200, b"")
    assert parts.repository.loads == [
        LoadWish(
            model="adder",
            config='{"backend":"onnxruntime"}',
            files={"1/model.onnx": b"\0graph"},
        )
    ]


def test_a_load_may_be_of_a_repository_and_of_a_name_that_is_encoded(parts: Parts) -> None:
    ask(parts, "POST", "/v2/repository/main/models/m%20%C3%A9%2f/load")
    assert parts.repository.loads == [LoadWish(model="m é/", repository="main")]


def test_a_load_that_fails_says_why(parts: Parts) -> None:
    status, why = refused(parts, "POST", "/v2/repository/models/absent/load")
    assert status == 500
    assert "failed to poll from model repository" in why


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        ({"config": 1}, "attempt to access JSON non-string as string: 'config' is a number"),
        ({"file:1/m": "?"}, "load parameter 'file:1/m' must be base64"),
        ({"speed": "high"}, "unrecognized load parameter 'speed'."),
        (3, "attempt to access JSON non-object as object: 'parameters' is a number"),
    ],
)
def test_a_wrong_load_is_refused(parts: Parts, parameters: Any, why: str) -> None:
    status, found = refused(
        parts, "POST", "/v2/repository/models/adder/load", {"parameters": parameters}
    )
    assert (status, found[: len(why)]) == (400, why)
    assert parts.repository.loads == []


def test_an_unload_may_take_dependents_with_it(parts: Parts) -> None:
    path = "/v2/repository/models/adder/unload"
    ask(parts, "POST", path)
    ask(parts, "POST", path, {"parameters": {"unload_dependents": True}})
    assert parts.repository.unloads == [("adder", False), ("adder", True)]
    status, why = refused(parts, "POST", path, {"parameters": {"unload_dependents": "yes"}})
    assert (status, why[:35]) == (400, "Unable to parse 'unload_dependents'")


def test_an_unload_from_a_repository_that_has_no_such_model_is_refused(parts: Parts) -> None:
    assert refused(parts, "POST", "/v2/repository/main/models/other/unload")[0] == 404
    assert parts.repository.unloads == []


# -- shared memory --------------------------------------------------------------------------------


def test_a_region_is_registered_told_and_unregistered(parts: Parts) -> None:
    base = "/v2/systemsharedmemory"
    answer = ask(
        parts, "POST", f"{base}/region/r%201/register", {"key": "/k", "offset": 8, "byte_size": 64}
    )
    assert (answer.status, answer.body) == (200, b"")
    told = {"name": "r 1", "key": "/k", "offset": 8, "byte_size": 64}
    assert got(parts, f"{base}/status") == [told]
    assert got(parts, f"{base}/region/r%201/status") == [told]
    assert refused(parts, "GET", f"{base}/region/other/status") == (
        404,
        "Unable to find system shared memory region: 'other'",
    )
    assert ask(parts, "POST", f"{base}/unregister").status == 200
    assert parts.memory.held == {}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"byte_size": 1}, "Shared memory register request has no 'key' field"),
        ({"key": "/k"}, "Shared memory register request has no 'byte_size' field"),
        ({"key": "/k", "byte_size": -1}, "attempt to access JSON non-unsigned-integer"),
        ({"key": "/k", "byte_size": 2**64}, "attempt to access JSON non-unsigned-integer"),
        ({"key": "/k", "byte_size": 1.5}, "attempt to access JSON non-unsigned-integer"),
        ({"key": "/k", "byte_size": True}, "attempt to access JSON non-unsigned-integer"),
    ],
)
def test_a_wrong_registration_is_refused(parts: Parts, body: Any, why: str) -> None:
    status, found = refused(parts, "POST", "/v2/systemsharedmemory/region/r/register", body)
    assert (status, found[: len(why)]) == (400, why)
    assert parts.memory.held == {}


def test_a_region_without_a_name_cannot_be_registered(parts: Parts) -> None:
    for kind in ("system", "cuda"):
        assert refused(parts, "POST", f"/v2/{kind}sharedmemory/register") == (
            400,
            f"'region name' is necessary to register {kind} shared memory region",
        )


def test_memory_of_a_gpu_is_refused_where_there_is_none(parts: Parts) -> None:
    base = "/v2/cudasharedmemory"
    body = {"raw_handle": {"b64": HANDLE}, "device_id": 0, "byte_size": 64}
    assert refused(parts, "POST", f"{base}/region/r/register", body) == (
        400,
        "failed to register CUDA shared memory region: 'r', GPUs not supported",
    )
    assert got(parts, f"{base}/status") == []
    assert refused(parts, "GET", f"{base}/region/r/status")[0] == 404
    assert ask(parts, "POST", f"{base}/region/r/unregister").status == 200
    body["raw_handle"] = {"b64": "?"}
    assert "valid base64" in refused(parts, "POST", f"{base}/region/r/register", body)[1]


# -- settings -------------------------------------------------------------------------------------


def test_log_settings_are_told_and_set(parts: Parts) -> None:
    assert got(parts, "/v2/logging") == {
        "log_file": "",
        "log_info": True,
        "log_warning": True,
        "log_error": True,
        "log_verbose_level": 0,
        "log_format": "default",
    }
    answer = ask(parts, "POST", "/v2/logging", {"log_verbose_level": 1, "log_info": None})
    assert json.loads(answer.body)["log_verbose_level"] == 1
    assert parts.log.choice.verbose == 1
    assert refused(parts, "POST", "/v2/logging", {"log_info": 1}) == (
        400,
        "expect boolean for 'log_info'",
    )
    assert refused(parts, "POST", "/v2/logging", {"log_file": "/etc/passwd"})[0] == 501


def test_trace_settings_are_told_and_set_for_all_and_for_a_model(parts: Parts) -> None:
    assert got(parts, "/v2/trace/setting") == {
        "trace_level": ["OFF"],
        "trace_rate": "1000",
        "trace_count": "-1",
        "log_frequency": "0",
        "trace_file": "",
        "trace_mode": "triton",
    }
    ask(parts, "POST", "/v2/models/adder/trace/setting", {"trace_rate": "5"})
    ask(parts, "POST", "/v2/trace/setting", {"trace_count": "7", "trace_level": ["TENSORS"]})
    own = got(parts, "/v2/models/adder/trace/setting")
    assert (own["trace_rate"], own["trace_count"]) == ("5", "7")
    ask(parts, "POST", "/v2/models/adder/trace/setting", {"trace_rate": None})
    assert got(parts, "/v2/models/adder/trace/setting")["trace_rate"] == "1000"
    assert refused(parts, "GET", "/v2/models/none/trace/setting") == (
        400,
        "Request for unknown model : none",
    )
    assert refused(parts, "POST", "/v2/trace/setting", {"trace_rate": 5})[0] == 400


def test_a_large_load_is_read_beside_other_calls(parts: Parts) -> None:
    content = bytes(range(256)) * (1 << 14)  # several pieces of base64
    parameters = {"config": "{}", "file:1/m": base64.b64encode(content).decode()}
    body = json.dumps({"parameters": parameters}).encode()
    load = RestCall(method="POST", path="/v2/repository/models/m/load", body=body)
    order = []

    async def asked(call: RestCall, name: str) -> None:
        assert (await RestControl(parts.application)(call)).status == 200
        order.append(name)

    async def story() -> None:
        small = RestCall(method="GET", path="/v2/logging")
        await asyncio.gather(asked(load, "load"), asked(small, "logging"))

    asyncio.run(story())
    assert order == ["logging", "load"]
    assert parts.repository.loads[-1].files == {"1/m": content}


@pytest.mark.parametrize("start", [0, BASE64_PIECE - 4, BASE64_PIECE, 2 * BASE64_PIECE - 4])
def test_base64_that_goes_on_after_its_padding_is_refused(parts: Parts, start: int) -> None:
    text = "A" * start + "AA==" + "AAAA" * BASE64_PIECE
    body = {"parameters": {"config": "{}", "file:1/m": text}}
    status, why = refused(parts, "POST", "/v2/repository/models/m/load", body)
    assert status == 400
    assert why.startswith("load parameter 'file:1/m' must be base64: ")


# -- what is wrong --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/v2/nothing",
        "/v2/models/adder/",
        "/v2/models/adder/config/",
        "/v2/models/adder/versions/one/config",
        "/v2/models/adder/versions//config",
        "/v2/models//config",
        "/v2/logging/",
        "/v2/repository/a/b/models/m/load",
        "/v2/repository/models/index/extra",
        "/V2/logging",
        "",
        "*",
    ],
)
def test_a_path_that_is_no_route_is_404(parts: Parts, path: str) -> None:
    assert refused(parts, "GET", path) == (404, "Not Found")


@pytest.mark.parametrize("version", ["9" * 20, "9" * 5000, str(2**63), "1" * 19 + "x"])
def test_a_version_beyond_all_numbers_is_the_callers_mistake(parts: Parts, version: str) -> None:
    with pytest.raises(ControlError, match="version should be an integral value > 0") as caught:
        parts.application.model_config("adder", version)
    assert caught.value.code == "INVALID_ARGUMENT"
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/v2/models/adder/config", "GET"),
        ("GET", "/v2/repository/index", "POST"),
        ("GET", "/v2/repository/models/adder/load", "POST"),
        ("DELETE", "/v2/logging", "GET, POST"),
        ("POST", "/v2/systemsharedmemory/status", "GET"),
        ("GET", "/v2/systemsharedmemory/unregister", "POST"),
    ],
)
def test_another_method_is_405_and_says_which_are_allowed(
    parts: Parts, method: str, path: str, allowed: str
) -> None:
    answer = ask(parts, method, path)
    assert (answer.status, dict(answer.headers)["allow"]) == (405, allowed)
    assert json.loads(answer.body) == {"error": "Method Not Allowed"}


@pytest.mark.parametrize("name", ["%", "%2", "%zz", "%ff"])
def test_a_name_that_cannot_be_decoded_is_refused(parts: Parts, name: str) -> None:
    assert refused(parts, "GET", f"/v2/models/{name}/config")[0] == 400


def test_a_bug_is_500_and_stands_in_the_log_with_its_traceback() -> None:
    with quiet_log() as (output, stream):
        status, why = refused(Parts(output), "GET", "/v2/models/broken/config")
    assert (status, why) == (500, "the server failed to answer: RuntimeError: a bug")
    assert b"Traceback" in stream.getvalue()


def test_names_of_a_path_are_decoded_once() -> None:
    found = find_route("/v2/models/a%2520b%2Fc/versions/7/stats")
    assert found is not None
    assert found.names == {"model": "a%20b/c", "version": "7"}


PLACES = sorted({place + ending for _, places, endings in ROUTES.values()
                 for place in places for ending in endings})  # fmt: skip
SEGMENTS = st.one_of(
    st.sampled_from(["adder", "none", "1", "%", "%2f", "%ff", "..", "{model}"]),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=8),
)
TEXTS = st.text(st.characters(), max_size=5)  # halves of surrogates, too
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=8,
)
BODIES = st.binary(max_size=40) | VALUES.map(lambda value: json.dumps(value).encode())


@given(
    method=st.sampled_from(["GET", "POST", "PUT", "HEAD", ""]),
    place=st.sampled_from([*PLACES, "/v2/{model}"]),
    segments=st.lists(SEGMENTS, min_size=2, max_size=2),
    body=BODIES,
)
@settings(max_examples=400, deadline=None)
def test_whatever_is_asked_gets_one_answer_that_can_be_read(
    method: str, place: str, segments: list[str], body: bytes
) -> None:
    path = place
    for segment in segments:
        path = re.sub(r"\{\w+\}", segment.replace("\\", r"\\"), path, count=1)
    with quiet_log() as (output, stream):
        answer = ask(Parts(output), method, path, body)
    assert answer.status in {200, 400, 404, 405, 500, 501}
    assert b"control_call_failed" not in stream.getvalue()
    if dict(answer.headers)["content-type"] == "application/json" and answer.body:
        told = json.loads(answer.body)
        assert answer.status == 200 or isinstance(told["error"], str)
