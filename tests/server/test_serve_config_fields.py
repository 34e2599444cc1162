# SPDX-License-Identifier: Apache-2.0
"""What a configuration says of tensors, warm-up and waiting, as Triton's own client meets it."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
from tests.doubles.gate import GATED_MODEL, Gate
from tests.doubles.model_files import add_affine, add_config, add_identity, add_python
from tests.doubles.running import RunningServer
from tritonclient.utils import InferenceServerException

from penstock_client._proto import inference_pb2

RANKED = """
backend: "identity" max_batch_size: 4
input { name: "x" data_type: TYPE_FP32 dims: 4 }
output { name: "y" data_type: TYPE_FP32 dims: 4 label_filename: "labels.txt" }
"""
TEXTS = """
backend: "identity"
input { name: "x" data_type: TYPE_STRING dims: 1 }
output { name: "y" data_type: TYPE_STRING dims: 1 }
"""
SCALAR = """
max_batch_size: 4
input { name: "x" data_type: TYPE_FP32 dims: 1 reshape { shape: [] } }
output { name: "y" data_type: TYPE_FP32 dims: [1, -1, 1] reshape { shape: [-1] } }
"""
SCALAR_MODEL = """
import numpy as np

class Scalar:
    def execute(self, batch):
        assert batch["x"].shape == (batch.rows,)
        return {"y": np.stack([batch["x"]] * 3, axis=1)}
"""
AFFINE_RESHAPED = """
max_batch_size: 4
input { name: "x" data_type: TYPE_FP32 dims: [1, 3] reshape { shape: 3 } }
output { name: "y" data_type: TYPE_FP32 dims: [3, 1] reshape { shape: 3 } }
"""
COUNTING_MODEL = """
import pathlib

class Counting:
    def load(self, context):
        self.told = pathlib.Path(context.folder).parent / "told"

    def execute(self, batch):
        with self.told.open("a") as file:
            file.write(f"{list(batch.request_rows)} {batch['x'].tolist()}\\n")
        return {"y": batch["x"]}
"""
WARM = """
max_batch_size: 2
instance_group { count: 2 }
model_warmup { name: "zeros" batch_size: 2 count: 2
               inputs { key: "x" value { data_type: TYPE_FP32 dims: 2 zero_data: true } } }
model_warmup { name: "file" batch_size: 1
               inputs { key: "x" value { data_type: TYPE_FP32 dims: 2 input_data_file: "row" } } }
"""
COLD = """
max_batch_size: 2
model_warmup { name: "wide" batch_size: 1
               inputs { key: "x" value { data_type: TYPE_FP32 dims: 7 random_data: true } } }
"""
ISOLATED = 'parameters { key: "penstock.isolation" value { string_value: "process" } }'
OVERRIDING = """
max_batch_size: 1
dynamic_batching { default_queue_policy { allow_timeout_override: true } }
"""


@pytest.fixture(scope="module")
def gate() -> Iterator[Gate]:
    with Gate() as made:
        yield made


def add_scalar(repository: Path, name: str, more: str = "") -> None:
    folder = add_config(repository, name, f'backend: "python" {SCALAR} {more}')
    (folder / "model.py").write_text(SCALAR_MODEL)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory, gate: Gate) -> Path:
    made = tmp_path_factory.mktemp("models")
    add_config(made, "ranked", RANKED)
    (made / "ranked" / "labels.txt").write_bytes(b"cat\r\ndog\n\nowl\n")
    add_config(made, "texts", TEXTS)
    add_scalar(made, "scalar")
    add_scalar(made, "scalar_alone", ISOLATED)
    add_affine(made, "affine", config=AFFINE_RESHAPED)
    add_identity(made, "whole", [("x", "TYPE_FP32", [4])], rows_max=0)
    for name, more in {"warm": "", "warm_alone": ISOLATED}.items():
        add_python(made, name, COUNTING_MODEL, more=WARM + more)
        (made / name / "warmup").mkdir()
        (made / name / "warmup" / "row").write_bytes(np.array([5, 6], np.float32).tobytes())
    add_python(made, "cold", COUNTING_MODEL, more=COLD)
    parameter = f'parameters {{ key: "gate" value {{ string_value: "{gate.path}" }} }}'
    add_python(made, "gated", GATED_MODEL, more=OVERRIDING + parameter)
    return made


@pytest.fixture(scope="module")
def client(repository: Path) -> Iterator[Any]:
    with RunningServer(repository) as running, triton.InferenceServerClient(running.grpc) as made:
        yield made


def sent(values: Any, datatype: str = "FP32") -> list[Any]:
    array = np.array(values, dtype=object if datatype == "BYTES" else np.float32)
    tensor = triton.InferInput("x", list(array.shape), datatype)
    tensor.set_data_from_numpy(array)
    return [tensor]


def refusal(client: Any, model: str, inputs: list[Any], **more: Any) -> str:
    with pytest.raises(InferenceServerException) as caught:
        client.infer(model, inputs, **more)
    assert caught.value.status() == "StatusCode.INVALID_ARGUMENT"
    return str(caught.value.message())


# --- classification ----------------------------------------------------------------------------


def test_an_output_is_ranked_with_its_labels(client: Any) -> None:
    answer = client.infer(
        "ranked",
        sent([[1, 4, 3, 2], [0, 0, 0, 0.5]]),
        outputs=[triton.InferRequestedOutput("y", class_count=2)],
    ).as_numpy("y")
    assert answer.tolist() == [
        [b"4.000000:1:dog", b"3.000000:2"],
        [b"0.500000:3:owl", b"0.000000:0:cat"],
    ]


def test_texts_cannot_be_ranked(client: Any) -> None:
    wanted = [triton.InferRequestedOutput("y", class_count=1)]
    assert refusal(client, "texts", sent(["a"], "BYTES"), outputs=wanted) == (
        "class result not available for output \"y\" due to unsupported type 'BYTES'; numbers can "
        "be ranked"
    )


# --- reshape -----------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["scalar", "scalar_alone"])
def test_a_model_of_scalars_is_asked_in_rows_of_one(client: Any, model: str) -> None:
    assert list(client.get_model_metadata(model).inputs[0].shape) == [-1, 1]
    answer = client.infer(model, sent([[7], [8]])).as_numpy("y")
    assert answer.tolist() == [[[[7], [7], [7]]], [[[8], [8], [8]]]]


def test_a_graph_is_asked_and_answers_in_other_shapes(client: Any) -> None:
    assert list(client.get_model_metadata("affine").inputs[0].shape) == [-1, 1, 3]
    assert client.infer("affine", sent([[[1, 2, 3]]])).as_numpy("y").tolist() == [[[3], [5], [7]]]


# --- shapes that do not fit --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "values", "sentence"),
    [
        (
            "ranked",
            [1, 2, 3, 4],
            "unexpected shape for input 'x' for model 'ranked'. Expected [-1,4], got [4]. The "
            "model has max_batch_size 4, so every shape has a first dimension, the number of rows "
            "(1 to 4), in front of its dims [4]; send one row as [1,4]",
        ),
        (
            "ranked",
            [[1, 2, 3]],
            "unexpected shape for input 'x' for model 'ranked'. Expected [-1,4], got [1,3]. The "
            "model has max_batch_size 4, so every shape has a first dimension, the number of rows "
            "(1 to 4), in front of its dims [4]",
        ),
        (
            "whole",
            [[1, 2, 3, 4]],
            "unexpected shape for input 'x' for model 'whole'. Expected [4], got [1,4]. The model "
            "has max_batch_size 0, so its dims [4] are the whole shape, without a batch dimension "
            "in front; leave that out",
        ),
        (
            "ranked",
            [[0] * 4] * 5,
            "inference request batch-size must be <= 4 for 'ranked': input \"x\" has shape [5,4], "
            "which is 5 rows of [4]; send them in parts",
        ),
    ],
)
def test_a_shape_that_does_not_fit_is_told_with_both_shapes_and_the_rule(
    client: Any, model: str, values: Any, sentence: str
) -> None:
    assert refusal(client, model, sent(values)) == sentence


# --- warm-up -----------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["warm", "warm_alone"])
def test_every_instance_is_warm_before_the_model_is_ready(
    client: Any, repository: Path, model: str
) -> None:
    assert client.is_model_ready(model)
    told = (repository / model / "told").read_text().splitlines()
    # Two instances; zeros twice, the file once.
    assert sorted(told) == ["[1, 1] [[0.0, 0.0], [0.0, 0.0]]"] * 4 + ["[1] [[5.0, 6.0]]"] * 2


def test_a_warm_up_that_does_not_fit_fails_the_load(client: Any) -> None:
    assert not client.is_model_ready("cold")
    with pytest.raises(InferenceServerException, match="warm-up 'wide': input 'x': its dims"):
        client.infer("cold", sent([[1, 2]]))


# --- parameters of requests --------------------------------------------------------------------


def test_a_request_may_bound_its_own_wait_where_the_model_allows_it(
    client: Any, gate: Gate
) -> None:
    answers: list[Any] = []
    first = threading.Thread(
        target=lambda: answers.append(client.infer("gated", sent([[1, 1]])).as_numpy("y"))
    )
    first.start()
    batch = gate.next_batch()
    with pytest.raises(InferenceServerException, match="Request timeout expired"):
        client.infer("gated", sent([[2, 2]]), timeout=1000)
    batch.let_through()
    first.join()
    assert answers[0].tolist() == [[2, 2]]


def test_a_request_may_carry_parameters_of_its_own(client: Any) -> None:
    more = {"mine": 1, "yours": "text", "flag": True}
    client.infer("whole", sent([1, 2, 3, 4]), parameters=more, priority=3, timeout=5)


@pytest.mark.parametrize(
    ("name", "parameter", "sentence"),
    [
        ("timeout", {"string_param": "1"}, "invalid value type for 'timeout' parameter"),
        ("timeout", {"int64_param": -1}, "expected value >= 0, got -1"),
        ("priority", {"bool_param": True}, "invalid value type for 'priority' parameter"),
        ("sequence_start", {"int64_param": 1}, "'sequence_start' parameter, expected bool_param."),
        ("triton_mine", {"bool_param": True}, "reserved for Triton usage. Only the following"),
    ],
)
def test_a_reserved_parameter_is_checked(
    client: Any, name: str, parameter: dict[str, Any], sentence: str
) -> None:
    request = inference_pb2.ModelInferRequest(model_name="whole")
    request.parameters[name].CopyFrom(inference_pb2.InferParameter(**parameter))
    tensor = request.inputs.add(name="x", datatype="FP32", shape=[4])
    tensor.contents.fp32_contents.extend([0] * 4)
    call = client._channel.unary_unary(
        "/inference.GRPCInferenceService/ModelInfer",
        request_serializer=inference_pb2.ModelInferRequest.SerializeToString,
    )
    with pytest.raises(grpc.RpcError) as caught:
        call(request, timeout=10)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert sentence in str(caught.value.details())
