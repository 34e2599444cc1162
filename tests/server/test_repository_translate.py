# SPDX-License-Identifier: Apache-2.0
from collections.abc import Collection
from pathlib import Path

import pytest

from penstock.errors import RepositoryError, UnsupportedError
from penstock.repository import FoundModel, ModelPlan
from penstock.repository.config_file import parse_config
from penstock.repository.instances import Machine
from penstock.repository.plan import QueuePlan, TensorPlan
from penstock.repository.translate import translate

MODEL = FoundModel(name="iris", folder=Path("models/iris"), versions=(1, 2))
TENSORS = """
    input { name: "x" data_type: TYPE_FP32 dims: [ 4 ] }
    output { name: "y" data_type: TYPE_STRING dims: [ -1 ] }
"""


def plan(
    text: str = "", *, files: Collection[str] = ("model.onnx",), machine: Machine | None = None
) -> ModelPlan:
    written = parse_config(text)
    return translate(
        MODEL, 2, written, files=files, machine=machine or Machine(), batch_rows_default=32
    )


def test_a_model_without_a_configuration_is_left_to_its_graph() -> None:
    made = plan()
    assert (made.name, made.version, made.backend) == ("iris", 2, "onnxruntime")
    assert made.model_path == Path("models/iris/2/model.onnx")
    assert made.platform == "onnxruntime_onnx"
    assert (made.inputs, made.outputs) == ((), ())
    assert (made.batch_rows_max, made.batch_rows_default) == (None, 32)
    assert (made.instance_count, made.lane, made.queue) == (1, "auto", QueuePlan())


@pytest.mark.parametrize(
    ("text", "files", "backend"),
    [
        ("", ["model.onnx"], "onnxruntime"),
        ("", ["model.onnx", "labels.txt"], "onnxruntime"),
        ('platform: "onnxruntime_onnx"', ["model.onnx"], "onnxruntime"),
        ('backend: "onnxruntime"', ["model.onnx", "model.py"], "onnxruntime"),
        ('default_model_filename: "iris.onnx"', ["iris.onnx"], "onnxruntime"),
        (TENSORS, ["model.py", "features.py"], "python"),
        (TENSORS + 'default_model_filename: "iris.py"', ["iris.py"], "python"),
        (TENSORS + 'backend: "python"', ["model.py"], "python"),
        (TENSORS + 'backend: "identity"', [], "identity"),
        ("", ["model.pnst"], "native"),
        ("", ["model.onnx", "model.pnst"], "native"),
        ('backend: "native"', ["model.onnx"], "native"),
        ('platform: "native"', ["model.pnst"], "native"),
        ('default_model_filename: "iris.pnst"', ["iris.pnst"], "native"),
        ("", ["model.onnx", "model.txt"], "onnxruntime"),
    ],
)
def test_the_backend_is_named_or_told_by_the_files(
    text: str, files: list[str], backend: str
) -> None:
    assert plan(text, files=files).backend == backend


@pytest.mark.parametrize(
    ("files", "chosen"),
    [
        (["model.pnst", "model.onnx"], "model.pnst"),
        (["model.txt", "model.onnx"], "model.onnx"),
        (["model.ubj", "model.json"], "model.json"),
    ],
)
def test_a_native_model_is_compiled_where_it_is_not_yet(files: list[str], chosen: str) -> None:
    assert plan('backend: "native"', files=files).model_path.name == chosen


@pytest.mark.parametrize(
    ("text", "files", "sentence"),
    [
        (
            "",
            ["weights.bin"],
            "holds weights.bin: wanted model.onnx, model.pnst or model.py, or a `backend`",
        ),
        ("", [], "holds nothing: wanted model.onnx, model.pnst or model.py"),
        ('backend: "onnxruntime"', ["m.onnx"], "holds m.onnx: wanted model.onnx"),
        ('default_model_filename: "a.onnx"', ["model.onnx"], "holds model.onnx: wanted a.onnx"),
        (
            'backend: "native"',
            ["m.txt"],
            "holds m.txt: wanted model.pnst, or one of model.onnx, model.txt, model.json",
        ),
        (
            'backend: "native" default_model_filename: "a.pnst"',
            ["model.txt"],
            "holds model.txt: wanted a.pnst",
        ),
        ('default_model_filename: "../a.onnx"', ["model.onnx"], "wanted a file's name"),
        ("max_batch_size: -1", ["model.onnx"], "max_batch_size is -1: wanted 0"),
        ('backend: "python"', ["model.py"], "python backend does not show its inputs"),
        (
            'backend: "identity" input { name: "x" data_type: TYPE_FP32 }',
            [],
            "not show its outputs",
        ),
        ("input { data_type: TYPE_FP32 dims: [1] }", ["model.onnx"], "input .* has no name"),
        ('input { name: "x" dims: [1] }', ["model.onnx"], "input 'x' has no data_type"),
        (
            'output { name: "y" data_type: TYPE_FP32 dims: [0] }',
            ["model.onnx"],
            r"output 'y' has dims \[0\]",
        ),
        (
            'input { name: "x" data_type: TYPE_FP32 } input { name: "x" data_type: TYPE_FP32 }',
            ["model.onnx"],
            "two inputs called 'x'",
        ),
        (
            'parameters { key: "penstock.lane" value { string_value: "fast" } }',
            ["model.onnx"],
            "parameters.penstock.lane is 'fast': wanted auto or inline or batch",
        ),
        (
            'parameters { key: "penstock.isolaton" value { string_value: "process" } }',
            ["model.onnx"],
            "parameters.penstock.isolaton means nothing to this server: did you mean "
            "penstock.isolation?",
        ),
        (
            'parameters { key: "penstock.zzzzzzzzz" value { string_value: "1" } }',
            ["model.onnx"],
            "there are penstock.batch_seconds_max, penstock.isolation",
        ),
        (
            "max_batch_size: 4 dynamic_batching { preferred_batch_size: [ 2, 8 ] }",
            ["model.onnx"],
            "preferred_batch_size is 8: wanted at most max_batch_size, which is 4",
        ),
        ("dynamic_batching { preferred_batch_size: [ 0 ] }", ["model.onnx"], "wanted at least 1"),
    ],
)
def test_a_contradiction_is_a_sentence_with_what_was_found_and_wanted(
    text: str, files: list[str], sentence: str
) -> None:
    with pytest.raises(RepositoryError, match=sentence):
        plan(text, files=files)


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ('backend: "tensorflow"', r"export the model to ONNX \(tf2onnx\)"),
        ('platform: "tensorflow_savedmodel"', r"export the model to ONNX \(tf2onnx\)"),
        ('platform: "pytorch_libtorch"', r"\(torch.onnx.export\), or load it in a model.py"),
        ('backend: "tensorrt"', "optimization.execution_accelerators to run it by TensorRT"),
        ('platform: "tensorrt_plan"', "optimization.execution_accelerators to run it by TensorRT"),
        ('backend: "openvino"', "optimization.execution_accelerators to run it by OpenVINO"),
        ('backend: "fil"', "onnxmltools"),
        ('backend: "dali"', "model.py of backend python"),
        ('backend: "vllm"', "generation is not served yet"),
        ('backend: "own_backend"', ""),
    ],
)
def test_a_backend_that_does_not_exist_is_refused_with_those_that_do_and_the_way(
    text: str, mend: str
) -> None:
    with pytest.raises(
        UnsupportedError, match=rf"there are native, onnxruntime.*, python, identity.*{mend}"
    ) as refused:
        plan(text)
    assert ". " not in str(refused.value), "one sentence"


def test_an_ensemble_is_refused_as_one() -> None:
    with pytest.raises(UnsupportedError, match="ensemble: they are not served yet"):
        plan('platform: "ensemble"')


def test_tensors_are_told_with_the_protocols_names_of_types() -> None:
    made = plan(
        """
        max_batch_size: 4
        input { name: "x" data_type: TYPE_FP32 dims: [ 3, -1 ] }
        input { name: "hint" data_type: TYPE_BF16 dims: [ 1 ] optional: true }
        output { name: "y" data_type: TYPE_STRING dims: [ ] }
        """
    )
    assert made.inputs == (
        TensorPlan(name="x", datatype="FP32", dims=(3, -1)),
        TensorPlan(name="hint", datatype="BF16", dims=(1,), is_optional=True),
    )
    assert made.outputs == (TensorPlan(name="y", datatype="BYTES", dims=()),)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("", None),
        ("dynamic_batching { }", None),
        ("max_batch_size: 0", 0),
        ("max_batch_size: 8", 8),
        (TENSORS, 0),
        (TENSORS + "max_batch_size: 8", 8),
    ],
)
def test_a_batch_size_is_left_to_the_graph_only_where_the_configuration_is_silent(
    text: str, rows: int | None
) -> None:
    assert plan(text).batch_rows_max == rows


def test_a_python_model_without_a_batch_size_does_not_batch() -> None:
    assert plan(TENSORS, files=["model.py"]).batch_rows_max == 0


def test_dynamic_batching_says_how_requests_wait() -> None:
    made = plan(
        """
        max_batch_size: 8
        dynamic_batching {
            preferred_batch_size: [ 8, 4, 4 ]
            max_queue_delay_microseconds: 100
            default_queue_policy {
                timeout_action: DELAY
                default_timeout_microseconds: 5000
                max_queue_size: 16
            }
        }
        """
    )
    assert made.queue == QueuePlan(
        preferred_batch_sizes=(4, 8),
        delay_max_us=100,
        tickets_max=16,
        default_timeout_us=5000,
        is_timeout_delay=True,
    )


def test_a_lane_may_be_chosen_by_a_parameter() -> None:
    text = 'parameters { key: "penstock.lane" value { string_value: "inline" } }'
    assert plan(text).lane == "inline"


def test_threads_of_a_compiled_model_may_be_set() -> None:
    text = 'backend: "native" parameters { key: "penstock.threads" value { string_value: "%s" } }'
    assert plan('backend: "native"', files=["model.pnst"]).native_threads == 0
    assert plan(text % 2, files=["model.pnst"]).native_threads == 2
    for wrong in ("0", "257"):
        with pytest.raises(RepositoryError, match=f"threads is {wrong}: wanted 1 to 256"):
            plan(text % wrong, files=["model.pnst"])
    with pytest.raises(RepositoryError, match="is of models of backend native"):
        plan((text % 2).replace("native", "onnxruntime"))


def test_reading_a_parameter_that_is_missing_does_not_make_it() -> None:
    written = parse_config("")
    translate(MODEL, 1, written, files=["model.onnx"], machine=Machine(), batch_rows_default=1)
    assert not written.config.parameters


def test_a_reshaped_tensor_has_both_shapes() -> None:
    made = plan(
        """
        max_batch_size: 2
        input { name: "x" data_type: TYPE_FP32 dims: 1 reshape { shape: [] } }
        output { name: "y" data_type: TYPE_FP32 dims: [-1, 4] reshape { shape: [-1, 2, 2] } }
        """
    )
    assert (made.inputs[0].dims, made.inputs[0].reshape, made.inputs[0].model_dims) == (
        (1,),
        (),
        (),
    )
    assert made.outputs[0].reshape == made.outputs[0].model_dims == (-1, 2, 2)
    with pytest.raises(RepositoryError, match=r"input 'x' has reshape \[0\]: wanted sizes"):
        plan('input { name: "x" data_type: TYPE_FP32 dims: 1 reshape { shape: 0 } }')


def test_a_request_has_a_say_in_its_wait_if_the_configuration_lets_it() -> None:
    allowed = "dynamic_batching { default_queue_policy { allow_timeout_override: true } }"
    assert plan(f"max_batch_size: 2 {allowed}").queue.allows_timeout
    assert not plan("max_batch_size: 2 dynamic_batching { }").queue.allows_timeout


def test_what_metrics_and_labels_are_to_be_is_passed_on() -> None:
    made = plan(
        """
        output { name: "y" data_type: TYPE_FP32 dims: 1 label_filename: "l.txt" }
        metric_tags { key: "team" value: "a" }
        model_metrics { metric_control { metric_identifier { family: "f" }
                                         histogram_options { buckets: [1, 2] } } }
        model_warmup { name: "w" }
        """
    )
    assert made.label_files == {"y": Path("models/iris/l.txt")}
    assert made.metric_tags == {"team": "a"}
    assert made.metric_buckets == {"f": (1.0, 2.0)}
    assert [warmup.name for warmup in made.warmups] == ["w"]


@pytest.mark.parametrize(
    ("text", "missing"), [("", "input"), (TENSORS.split("output")[0], "output")]
)
def test_without_completion_a_configuration_must_be_whole(text: str, missing: str) -> None:
    def strict(text: str) -> ModelPlan:
        return translate(
            MODEL,
            2,
            parse_config(text),
            files=["model.onnx"],
            machine=Machine(),
            batch_rows_default=32,
            is_completing=False,
        )

    assert strict(TENSORS).batch_rows_max == 0
    with pytest.raises(
        RepositoryError,
        match=f"^The configuration lists no {missing}, and --disable-auto-complete-config is set: "
        f"wanted every `{missing}` with its data_type and dims, and max_batch_size if the model",
    ):
        strict(text)
