# SPDX-License-Identifier: Apache-2.0
"""Models written for Triton's Python backend run unchanged, in the server's process and isolated.

The models are written as Triton's documents teach; the client is this house's.
"""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from tests.doubles.running import RunningServer
from tests.doubles.triton_models import Y, add_triton, isolation, parameter

from penstock_client import Client, InvalidArgument, NotFound, PenstockError, Unavailable

ADD_SUB = """
class TritonPythonModel:
    def initialize(self, args):
        self.model_config = model_config = json.loads(args["model_config"])
        output0_config = pb_utils.get_output_config_by_name(model_config, "OUTPUT0")
        output1_config = pb_utils.get_output_config_by_name(model_config, "OUTPUT1")
        self.output0_dtype = pb_utils.triton_string_to_numpy(output0_config["data_type"])
        self.output1_dtype = pb_utils.triton_string_to_numpy(output1_config["data_type"])

    def execute(self, requests):
        responses = []
        for request in requests:
            in_0 = pb_utils.get_input_tensor_by_name(request, "INPUT0")
            in_1 = pb_utils.get_input_tensor_by_name(request, "INPUT1")
            out_0, out_1 = (in_0.as_numpy() + in_1.as_numpy(), in_0.as_numpy() - in_1.as_numpy())
            out_tensor_0 = pb_utils.Tensor("OUTPUT0", out_0.astype(self.output0_dtype))
            out_tensor_1 = pb_utils.Tensor("OUTPUT1", out_1.astype(self.output1_dtype))
            responses.append(
                pb_utils.InferenceResponse(output_tensors=[out_tensor_0, out_tensor_1])
            )
        return responses

    def finalize(self):
        print("Cleaning up...")
"""

# Each request's own sum and length, and how many requests the batch had.
COUNTS = """
class TritonPythonModel:
    def execute(self, requests):
        responses = []
        for request in requests:
            x = pb_utils.get_input_tensor_by_name(request, "x").as_numpy()
            if (x < 0).all():
                error = pb_utils.TritonError(f"all of {x.size} are negative",
                                             pb_utils.TritonError.INVALID_ARG)
                responses.append(pb_utils.InferenceResponse(error=error))
                continue
            x *= 2  # in place, as many do
            batch = np.full((len(x), 1), len(requests), np.int64)
            responses.append(pb_utils.InferenceResponse([pb_utils.Tensor("y", x),
                                                         pb_utils.Tensor("batch", batch)]))
        return responses
"""

# Outputs whose length depends on the request.
WORDS = """
class TritonPythonModel:
    def execute(self, requests):
        responses = []
        for request in requests:
            text = pb_utils.get_input_tensor_by_name(request, "text").as_numpy()
            assert text.dtype == np.object_, text.dtype
            rows = [b" ".join(row).split() for row in text]
            width = max(len(row) for row in rows)
            words = np.array([row + [b""] * (width - len(row)) for row in rows], dtype=object)
            lengths = np.array([[len(word) for word in row] for row in words], np.int32)
            responses.append(pb_utils.InferenceResponse(output_tensors=[
                pb_utils.Tensor("words", words), pb_utils.Tensor("lengths", lengths)]))
        return responses
"""

# What a request says beside its tensors.
TELLS = """
class TritonPythonModel:
    def initialize(self, args):
        self.args = args

    def execute(self, requests):
        responses = []
        for request in requests:
            told = {
                "id": request.request_id(), "correlation_id": request.correlation_id(),
                "outputs": sorted(request.requested_output_names()),
                "parameters": json.loads(request.parameters()), "flags": request.flags(),
                "priority": request.priority(), "timeout": request.timeout(),
                "model": request.model_name(), "version": request.model_version(),
                "cancelled": request.is_cancelled(), "inputs": [t.name() for t in request.inputs()],
                "dir": pb_utils.get_model_dir(),
                "args": {k: v for k, v in self.args.items() if k != "model_config"},
                "own": json.loads(self.args["model_config"])["parameters"]["own"],
            }
            tensors = [pb_utils.Tensor("told", np.array([json.dumps(told)], dtype=object))]
            if "other" in request.requested_output_names():
                tensors.append(pb_utils.Tensor("other", np.array([1], np.int32)))
            tensors.append(pb_utils.Tensor("nobody asked for this", np.zeros(3)))
            responses.append(pb_utils.InferenceResponse(output_tensors=tensors))
        return responses
"""

# Fails in the way that its input names.
FAILS = """
from . import ways

class TritonPythonModel:
    def execute(self, requests):
        way = pb_utils.get_input_tensor_by_name(requests[0], "way").as_numpy()[0].decode()
        return getattr(ways, way)(pb_utils, requests)
"""
WAYS = """
import numpy as np

def respond(pb_utils, **tensors):
    return pb_utils.InferenceResponse([pb_utils.Tensor(k, v) for k, v in tensors.items()])

def fine(pb_utils, requests):
    return [respond(pb_utils, y=np.ones((2,), np.float32)) for _ in requests]

def raises(pb_utils, requests):
    raise ValueError("not in this way")

def model_exception(pb_utils, requests):
    raise pb_utils.TritonModelException("a sentence of its own")

def interrupts(pb_utils, requests):
    raise KeyboardInterrupt

def cancels(pb_utils, requests):
    import asyncio
    raise asyncio.CancelledError("by itself")

def raises_no_text(pb_utils, requests):
    raise ValueError(chr(0xdcff))

def tells_no_text(pb_utils, requests):
    error = pb_utils.TritonError(chr(0xdcff), pb_utils.TritonError.NOT_FOUND)
    return [pb_utils.InferenceResponse(error=error) for _ in requests]

def nothing(pb_utils, requests):
    return None

def too_few(pb_utils, requests):
    return []

def none_within(pb_utils, requests):
    return [None for _ in requests]

def no_output(pb_utils, requests):
    return [respond(pb_utils) for _ in requests]

def other_dtype(pb_utils, requests):
    return [respond(pb_utils, y=np.ones((2,))) for _ in requests]

def other_shape(pb_utils, requests):
    return [respond(pb_utils, y=np.ones((3,), np.float32)) for _ in requests]

def unicode_array(pb_utils, requests):
    return [respond(pb_utils, y=np.array(["a", "b"])) for _ in requests]

def not_found(pb_utils, requests):
    error = pb_utils.TritonError("no such thing", pb_utils.TritonError.NOT_FOUND)
    return [pb_utils.InferenceResponse(output_tensors=[], error=error) for _ in requests]

def unavailable(pb_utils, requests):
    error = pb_utils.TritonError("not now", pb_utils.TritonError.UNAVAILABLE)
    return [pb_utils.InferenceResponse(error=error) for _ in requests]

def other_models(pb_utils, requests):
    return pb_utils.InferenceRequest(model_name="m", inputs=[],
                                     requested_output_names=["y"]).exec()

def sender(pb_utils, requests):
    return requests[0].get_response_sender()

def region(pb_utils, requests):
    return pb_utils.shared_memory

async def _later(pb_utils, requests):
    return fine(pb_utils, requests)

def later(pb_utils, requests):
    return _later(pb_utils, requests)
"""

# Finds a file beside it by its bare name; each of two models has its own.
SIBLING = """
from constants import FACTOR

class TritonPythonModel:
    def execute(self, requests):
        return [
            pb_utils.InferenceResponse([pb_utils.Tensor("y", np.full((2,), FACTOR, np.float32))])
            for _ in requests
        ]
"""


@pytest.fixture(scope="module", params=["none", "process"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    repository = tmp_path_factory.mktemp("models")
    where = isolation(request.param)
    four = [[(f"{kind}{i}", "TYPE_FP32", [4]) for i in (0, 1)] for kind in ("INPUT", "OUTPUT")]
    add_triton(repository, "add_sub", ADD_SUB, f"{where} instance_group [{{ kind: KIND_CPU }}]",
               inputs=four[0], outputs=four[1])  # fmt: skip
    batching = (
        f"{where} max_batch_size: 16 dynamic_batching {{ max_queue_delay_microseconds: 2000 }}"
    )
    add_triton(repository, "counts", COUNTS, batching, outputs=[*Y, ("batch", "TYPE_INT64", [1])])
    words = [("words", "TYPE_STRING", [-1]), ("lengths", "TYPE_INT32", [-1])]
    add_triton(repository, "words", WORDS, batching, inputs=[("text", "TYPE_STRING", [1])],
               outputs=words)  # fmt: skip
    own = parameter("own", "kept") + parameter("FORCE_CPU_ONLY_INPUT_TENSORS", "no")
    told = [("told", "TYPE_STRING", [1]), ("other", "TYPE_INT32", [1])]
    add_triton(repository, "tells", TELLS, where + own, outputs=told)
    add_triton(repository, "fails", FAILS, where, inputs=[("way", "TYPE_STRING", [1])], ways=WAYS)
    for name, factor in (("three", 3), ("four", 4)):
        add_triton(repository, name, SIBLING, where, constants=f"FACTOR = {factor}")
    with RunningServer(repository) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[Client]:
    with Client(server.grpc, retry=None) as made:
        yield made


def row(value: float, count: int = 2) -> np.ndarray:
    return np.full(count, value, np.float32)


def test_add_sub_as_tritons_quick_start_has_it(client: Client) -> None:
    answer = client.infer("add_sub", {"INPUT0": row(5, 4), "INPUT1": row(2, 4)}, timeout=10)
    np.testing.assert_array_equal(answer["OUTPUT0"], row(7, 4))
    np.testing.assert_array_equal(answer["OUTPUT1"], row(3, 4))


def test_each_request_of_a_batch_gets_its_own_rows_or_its_own_error(client: Client) -> None:
    """Requests of 1 to 4 rows under load; every fifth is answered with an error."""

    def ask(number: int) -> int:
        count = number % 4 + 1
        value = -1.0 if number % 5 == 0 else float(number)
        x = np.full((count, 2), value, np.float32)
        if value < 0:
            with pytest.raises(InvalidArgument, match=f"^all of {2 * count} are negative") as told:
                client.infer("counts", {"x": x}, timeout=30)
            assert told.value.why == f"all of {2 * count} are negative"
            return 0
        answer = client.infer("counts", {"x": x}, timeout=30)
        np.testing.assert_array_equal(answer["y"], 2 * x)
        assert answer["batch"].shape == (count, 1)
        return int(answer["batch"][0, 0])

    with ThreadPoolExecutor(12) as pool:
        batches = list(pool.map(ask, range(400)))
    assert max(batches) > 1, "no two requests ever met in a batch"


def test_failed_requests_count_as_failures_and_their_rows_not_as_executed(
    client: Client, server: RunningServer
) -> None:
    executed = server.counted("nv_inference_count", model="counts")
    failed = server.counted("nv_inference_request_failure", model="counts", reason="BACKEND")
    client.infer("counts", {"x": np.ones((3, 2), np.float32)}, timeout=10)
    with pytest.raises(InvalidArgument):
        client.infer("counts", {"x": -np.ones((5, 2), np.float32)}, timeout=10)
    assert server.counted("nv_inference_count", model="counts") == executed + 3
    failures = server.counted("nv_inference_request_failure", model="counts", reason="BACKEND")
    assert failures == failed + 1


def test_outputs_of_one_batch_may_differ_in_length(client: Client) -> None:
    def ask(number: int) -> None:
        text = np.array([[f"{'wörd ' * (number % 7 + 1)}"]] * (number % 2 + 1), dtype=object)
        answer = client.infer("words", {"text": text}, timeout=30)
        wanted = ["wörd".encode()] * (number % 7 + 1)
        assert answer["words"].tolist() == [wanted] * (number % 2 + 1)
        assert answer["lengths"].tolist() == [[5] * len(wanted)] * (number % 2 + 1)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(100)))


def test_a_request_tells_its_id_its_outputs_and_its_parameters(
    client: Client, server: RunningServer
) -> None:
    sent: dict[str, bool | int | float | str]
    sent = {"text": 'q"\n\\é', "whole": -(2**40), "flag": True, "half": 0.5, "priority": 3,
            "timeout": 9_000_000}  # fmt: skip
    answer = client.infer(
        "tells", {"x": row(0)}, outputs=["told"], request_id="id-ä", parameters=sent, timeout=10
    )
    assert list(answer) == ["told"]
    told = json.loads(answer["told"][0])
    folder = Path(told.pop("dir"))
    assert folder.name == "1" and folder.parent.name == "tells"
    assert told.pop("own") == {"string_value": "kept"}
    arguments = told.pop("args")
    assert arguments == {
        "model_instance_kind": "CPU", "model_instance_name": "tells_0",
        "model_instance_device_id": "0", "model_repository": str(folder.parent),
        "model_version": "1", "model_name": "tells",
    }  # fmt: skip
    assert told == {
        "id": "id-ä", "correlation_id": 0, "outputs": ["told"], "flags": 0, "priority": 3,
        "timeout": 9_000_000, "model": "tells", "version": 1, "cancelled": False, "inputs": ["x"],
        "parameters": {"text": 'q"\n\\é', "whole": -(2**40), "flag": True, "half": 0.5},
    }  # fmt: skip


def test_a_request_that_says_nothing_asks_for_all_outputs(client: Client) -> None:
    answer = client.infer("tells", {"x": row(0)}, timeout=10)
    told = json.loads(answer["told"][0])
    assert set(answer) == {"told", "other"}
    assert (told["outputs"], told["parameters"]) == (["other", "told"], {})


@pytest.mark.parametrize(
    ("way", "kind", "sentence"),
    [
        ("raises", PenstockError, "Model 'fails' failed: ValueError: not in this way"),
        ("model_exception", PenstockError, "Model 'fails' failed: a sentence of its own"),
        ("interrupts", PenstockError, "Model 'fails' failed: KeyboardInterrupt"),
        ("cancels", PenstockError, "Model 'fails' failed: CancelledError: by itself"),
        ("raises_no_text", PenstockError, r"Model 'fails' failed: ValueError: \\udcff"),
        ("tells_no_text", NotFound, r"^\\udcff"),
        ("nothing", PenstockError, "execute returned NoneType: wanted a list of 1 InferenceRes"),
        ("too_few", PenstockError, "execute returned 0 responses to 1 requests"),
        ("none_within", PenstockError, "execute returned NoneType among its responses"),
        ("no_output", PenstockError, r"Model 'fails' failed: a response has .* wanted 'y'"),
        ("other_dtype", PenstockError, "Model 'fails' failed: output 'y' is float64: wanted FP32"),
        ("other_shape", PenstockError, r"output 'y' has shape \[3\]: wanted \[2\]"),
        ("unicode_array", PenstockError, "no datatype is numpy's <U1; texts are arrays of dtype o"),
        ("not_found", NotFound, "^no such thing"),
        ("unavailable", Unavailable, "^not now"),
        ("other_models", PenstockError, r"\(BLS\) are not served by this server yet"),
        ("sender", PenstockError, "Decoupled models, .* are not served by this server yet"),
        ("region", PenstockError, "has no 'shared_memory' here: that part of Triton's Python back"),
    ],
)
def test_each_way_to_fail_is_a_clear_sentence(
    client: Client, way: str, kind: type[PenstockError], sentence: str
) -> None:
    with pytest.raises(kind, match=sentence):
        client.infer("fails", {"way": np.array([way], dtype=object)}, timeout=10)
    fine = client.infer("fails", {"way": np.array(["fine"], dtype=object)}, timeout=10)
    np.testing.assert_array_equal(fine["y"], row(1))


def test_execute_may_be_a_coroutine(client: Client) -> None:
    answer = client.infer("fails", {"way": np.array(["later"], dtype=object)}, timeout=10)
    np.testing.assert_array_equal(answer["y"], row(1))


def test_each_model_finds_its_own_files_by_their_bare_names(client: Client) -> None:
    for name, factor in (("three", 3), ("four", 4)):
        answer = client.infer(name, {"x": row(0)}, timeout=10)
        np.testing.assert_array_equal(answer["y"], row(factor))
