# SPDX-License-Identifier: Apache-2.0
"""The parts of `triton_python_backend_utils`, each by itself."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from penstock.backends import triton_python_backend_utils as pb_utils
from penstock.backends.triton.metric_families import metrics_text
from penstock.backends.triton.model_config import config_json, config_of_json
from penstock.errors import BackendError
from penstock.repository.config_file import parse_config


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("BOOL", 1), ("UINT8", 2), ("UINT16", 3), ("UINT32", 4), ("UINT64", 5), ("INT8", 6),
        ("INT16", 7), ("INT32", 8), ("INT64", 9), ("FP16", 10), ("FP32", 11), ("FP64", 12),
        ("STRING", 13),
    ],
)  # fmt: skip
def test_datatypes_have_tritons_numbers(name: str, number: int) -> None:
    kind = pb_utils.triton_string_to_numpy(f"TYPE_{name}")
    assert np.dtype(kind) == np.dtype(pb_utils.triton_to_numpy_type(number))
    assert pb_utils.numpy_to_triton_type(kind) == number
    assert pb_utils.numpy_to_triton_type(np.dtype(kind)) == number


def test_types_without_a_datatype_have_no_number() -> None:
    assert pb_utils.numpy_to_triton_type(np.complex64) is None
    assert pb_utils.numpy_to_triton_type(np.bytes_) == 13
    assert pb_utils.triton_to_numpy_type(0) is None
    assert pb_utils.triton_to_numpy_type(99) is None


def test_bytes_tensors_are_length_prefixed_and_back() -> None:
    array = np.array([[b"ab", "é"], [b"", 7]], dtype=object)
    content = pb_utils.serialize_byte_tensor(array)
    assert content == b"\x02\0\0\0ab\x02\0\0\0\xc3\xa9\0\0\0\0\x01\0\0\0" + b"7"
    back = pb_utils.deserialize_bytes_tensor(content)
    assert back.dtype == np.object_
    assert back.tolist() == [b"ab", "é".encode(), b"", b"7"]
    assert pb_utils.serialize_byte_tensor(np.empty(0, object)) == ()
    assert pb_utils.serialize_byte_tensor(np.zeros(2)) is None
    with pytest.raises(ValueError, match="ends within an element"):
        pb_utils.deserialize_bytes_tensor(content[:-1])


def test_a_tensor_has_a_name_a_datatype_and_an_array() -> None:
    array = np.ones((2, 3), np.float16)
    tensor = pb_utils.Tensor("x", array)
    assert (tensor.name(), tensor.triton_dtype(), tensor.is_cpu()) == ("x", 10, True)
    assert tensor.as_numpy() is array
    with pytest.raises(TypeError, match="tensor 'x': wanted a numpy array, found list"):
        pb_utils.Tensor("x", [1])  # type: ignore[arg-type]
    with pytest.raises(pb_utils.TritonModelException, match="complex128"):
        pb_utils.Tensor("x", np.ones(1, complex))


def test_an_input_that_is_read_only_may_be_written_as_a_copy() -> None:
    array = np.ones(2)
    array.flags.writeable = False
    tensor = pb_utils.Tensor.of_input("x", array, 12)
    tensor.as_numpy()[0] = 5
    assert tensor.as_numpy().tolist() == [5, 1]
    assert array.tolist() == [1, 1]


def test_tensors_go_through_dlpack_without_a_copy() -> None:
    array = np.arange(6, dtype=np.int32).reshape(2, 3)
    tensor = pb_utils.Tensor("x", array)
    for source in (tensor.to_dlpack(), tensor, array):
        back = pb_utils.Tensor.from_dlpack("y", source)
        assert (back.name(), back.triton_dtype()) == ("y", 8)
        assert np.shares_memory(back.as_given(), array)
    with pytest.raises(pb_utils.TritonModelException, match="must be contiguous"):
        pb_utils.Tensor.from_dlpack("y", array.T)
    with pytest.raises(pb_utils.TritonModelException, match="no BYTES"):
        pb_utils.Tensor("s", np.array([b"a"], object)).to_dlpack()
    with pytest.raises(pb_utils.TritonModelException, match="tensor 'y': "):
        pb_utils.Tensor.from_dlpack("y", object())


def test_a_response_is_tensors_or_an_error() -> None:
    tensor = pb_utils.Tensor("y", np.zeros(1))
    response = pb_utils.InferenceResponse(output_tensors=[tensor])
    assert (response.has_error(), response.error()) == (False, None)
    assert pb_utils.get_output_tensor_by_name(response, "y") is tensor
    assert pb_utils.get_output_tensor_by_name(response, "z") is None
    error = pb_utils.TritonError("why", pb_utils.TritonError.UNSUPPORTED)
    failed = pb_utils.InferenceResponse([tensor], error)
    assert failed.has_error() and failed.output_tensors() == []
    assert (error.message(), error.code(), str(error)) == ("why", 5, "why")
    with pytest.raises(pb_utils.TritonModelException, match="99 is no code"):
        pb_utils.TritonError("why", 99)
    with pytest.raises(pb_utils.TritonModelException, match="an output of a response is ndarray"):
        pb_utils.InferenceResponse([np.zeros(1)])  # type: ignore[list-item]
    with pytest.raises(pb_utils.TritonModelException, match="error of a response is str"):
        pb_utils.InferenceResponse(error="why")  # type: ignore[arg-type]


def test_what_is_not_served_says_so() -> None:
    request = pb_utils.InferenceRequest(
        model_name="m", requested_output_names=["y"], inputs=[], parameters={"a": 1}
    )
    assert (request.requested_output_names(), request.parameters()) == (["y"], '{"a": 1}')
    request.set_release_flags(pb_utils.TRITONSERVER_REQUEST_RELEASE_ALL)
    refused: list[Callable[[], object]] = [
        request.exec,
        request.async_exec,
        request.get_response_sender,
        lambda: request.set_release_flags(pb_utils.TRITONSERVER_REQUEST_RELEASE_RESCHEDULE),
        lambda: pb_utils.load_model("m"),
        lambda: pb_utils.unload_model("m"),
        lambda: pb_utils.is_model_ready("m"),
    ]
    for call in refused:
        with pytest.raises(pb_utils.TritonModelException, match="not served by this server yet"):
            call()
    with pytest.raises(AttributeError, match="has no 'nothing' here"):
        getattr(pb_utils, "nothing")  # noqa: B009 - mypy knows that it is not there
    with pytest.raises(pb_utils.TritonModelException, match="call it in initialize"):
        pb_utils.get_model_dir()


def test_a_configuration_is_told_with_numbers_as_numbers() -> None:
    text = """
        name: "m" max_batch_size: 4
        input { name: "x" data_type: TYPE_FP32 dims: [ -1, 3 ] }
        instance_group { count: 2 kind: KIND_CPU }
        dynamic_batching { max_queue_delay_microseconds: 100 }
        version_policy { specific { versions: [ 1, 2 ] } }
        parameters { key: "k" value { string_value: "v" } }
    """
    config = parse_config(text).config
    told = json.loads(config_json(config))
    assert told["input"][0]["dims"] == [-1, 3]
    assert told["dynamic_batching"]["max_queue_delay_microseconds"] == 100
    assert told["version_policy"]["specific"]["versions"] == [1, 2]
    assert told["parameters"] == {"k": {"string_value": "v"}}
    assert told["output"] == []
    assert config_of_json(json.dumps(told)) == config
    with pytest.raises(BackendError, match="made no model configuration"):
        config_of_json('{"no_such_field": 1}')


def model_config(text: str = "") -> pb_utils.ModelConfig:
    return pb_utils.ModelConfig(config_json(parse_config(f'name: "m" {text}').config))


def test_a_configuration_is_completed_where_it_is_open() -> None:
    config = model_config('input { name: "x" } max_batch_size: 4')
    config.add_input({"name": "x", "data_type": "TYPE_INT8", "dims": [1]})
    config.add_output({"name": "y", "data_type": "TYPE_INT8", "dims": [1]})
    config.add_output({"name": "y", "data_type": "TYPE_INT8", "dims": [1]})
    config.set_max_batch_size(8)
    config.set_dynamic_batching()
    config.set_model_transaction_policy({"decoupled": False})
    made = config_of_json(json.dumps(config.as_dict()))
    assert (list(made.input[0].dims), made.output[0].name) == ([1], "y")
    assert (len(made.input), len(made.output), made.max_batch_size) == (1, 1, 8)
    assert made.HasField("dynamic_batching")


@pytest.mark.parametrize(
    ("add", "sentence"),
    [
        (lambda c: c.add_input({"name": "x", "dims": [1]}), "an input .* has no 'data_type'"),
        (
            lambda c: c.add_output(
                {"name": "y", "data_type": "TYPE_INT8", "dims": [1], "optional": True}
            ),
            "an output has 'optional': wanted name, data_type, dims",
        ),
        (
            lambda c: c.add_input({"name": "x", "data_type": "TYPE_INT8", "dims": [2]}),
            r"an input 'x' has dims \[2\], but the configuration has \[1\]",
        ),
        (lambda c: c.set_max_batch_size(2), "sets max_batch_size 2, but the configuration has 4"),
        (lambda c: c.set_model_transaction_policy({"x": 1}), "wanted 'decoupled' alone"),
        (
            lambda c: c.set_model_transaction_policy({"decoupled": True}),
            "sets decoupled to True, but the configuration has False",
        ),
    ],
)
def test_a_completion_that_contradicts_the_configuration_is_an_error(
    add: Callable[[Any], object], sentence: str
) -> None:
    config = model_config(
        'max_batch_size: 4 input { name: "x" data_type: TYPE_INT8 dims: [1] } '
        "model_transaction_policy { decoupled: false }"
    )
    with pytest.raises(ValueError, match=sentence):
        add(config)


def test_metrics_of_a_model_live_as_long_as_it_holds_them() -> None:
    family = pb_utils.MetricFamily("things", 'what "they" do\n', pb_utils.MetricFamily.GAUGE)
    metric = family.Metric(labels={"b": 'q"\\', "a": "1"})
    metric.set(2)
    metric.increment(-0.5)
    again = pb_utils.MetricFamily("things", "", pb_utils.MetricFamily.GAUGE)
    assert again.Metric(labels={"a": "1", "b": 'q"\\'}).value() == 1.5
    assert metrics_text() == (
        '# HELP things what "they" do\\n\n# TYPE things gauge\nthings{a="1",b="q\\"\\\\"} 1.5\n'
    )
    del metric
    assert metrics_text() == ""


def test_a_histogram_counts_what_is_at_most_each_bound() -> None:
    family = pb_utils.MetricFamily("spread", "", pb_utils.MetricFamily.HISTOGRAM)
    metric = family.Metric(labels={"m": "x"}, buckets=[0.5, 2])
    for value in (0.5, 1, 7):
        metric.observe(value)
    assert metrics_text().splitlines()[2:] == [
        'spread_bucket{m="x",le="0.5"} 1',
        'spread_bucket{m="x",le="2"} 2',
        'spread_bucket{m="x",le="+Inf"} 3',
        'spread_sum{m="x"} 8.5',
        'spread_count{m="x"} 3',
    ]


@pytest.mark.parametrize(
    ("use", "sentence"),
    [
        (lambda f: pb_utils.MetricFamily("held", "", "gauge"), "is a counter already"),
        (lambda f: pb_utils.MetricFamily("1st", "", "gauge"), "wanted a name of letters"),
        (lambda f: pb_utils.MetricFamily("nv_mine", "", "gauge"), "which are the server's"),
        (lambda f: pb_utils.MetricFamily("new", "", "summary"), "found 'summary'"),
        (lambda f: f.Metric({"le": "1"}), "label 'le' is none"),
        (lambda f: f.Metric({}, buckets=[1]), "no buckets"),
        (lambda f: f.Metric().increment(-1), "at least 0, found -1"),
        (lambda f: f.Metric().increment(float("nan")), "at least 0, found nan"),
        (lambda f: f.Metric().set(1), r"is a counter: no set\(\)"),
        (lambda f: pb_utils.MetricFamily("h", "", "histogram").Metric(), "buckets that ascend"),
        (
            lambda f: pb_utils.MetricFamily("h", "", "histogram").Metric(buckets=[2, 1]),
            "buckets that ascend",
        ),
    ],
)
def test_a_metric_that_cannot_be_shown_is_refused(
    use: Callable[[Any], object], sentence: str
) -> None:
    family = pb_utils.MetricFamily("held", "", pb_utils.MetricFamily.COUNTER)
    held = family.Metric()
    with pytest.raises(pb_utils.TritonModelException, match=sentence):
        use(family)
    del held


def test_a_family_has_a_bound_on_its_metrics() -> None:
    family = pb_utils.MetricFamily("many", "", pb_utils.MetricFamily.COUNTER)
    held = [family.Metric({"n": str(number)}) for number in range(10_000)]
    with pytest.raises(pb_utils.TritonModelException, match="10000 metrics"):
        family.Metric({"n": "one more"})
    del held
