# SPDX-License-Identifier: Apache-2.0
from dataclasses import dataclass
from pathlib import Path

import pytest

from penstock.repository import FoundModel, ModelPlan
from penstock.repository.completed import completed_config
from penstock.repository.config_file import ModelConfig, WrittenConfig, parse_config
from penstock.repository.instances import Machine
from penstock.repository.plan import TensorPlan
from penstock.repository.translate import translate

X = TensorPlan(name="x", datatype="FP32", dims=(4,))
Y = TensorPlan(name="y", datatype="BYTES", dims=(-1, 2))


@dataclass(frozen=True)
class Turned:
    """What a version turned out to be."""

    inputs: tuple[TensorPlan, ...] = (X,)
    outputs: tuple[TensorPlan, ...] = (Y,)
    batch_rows_max: int = 8


def planned(written: WrittenConfig, file: str, machine: Machine | None = None) -> ModelPlan:
    return translate(
        FoundModel(name="m", folder=Path("models/m"), versions=(1,)),
        1,
        written,
        files=[file],
        machine=machine or Machine(),
        batch_rows_default=8,
    )


def completed(
    text: str = "", served: Turned | None = None, *, file: str = "model.onnx", gpus: int = 0
) -> ModelConfig:
    written = parse_config(text)
    plan = planned(written, file, Machine(gpu_count=gpus))
    return completed_config(written, plan, served or Turned())


def test_a_model_without_a_configuration_gets_a_whole_one() -> None:
    assert (
        completed()
        == parse_config(
            """
        name: "m" platform: "onnxruntime_onnx" backend: "onnxruntime"
        version_policy { latest { num_versions: 1 } }
        max_batch_size: 8
        input { name: "x" data_type: TYPE_FP32 dims: 4 }
        output { name: "y" data_type: TYPE_STRING dims: [-1, 2] }
        instance_group { name: "m" count: 1 kind: KIND_CPU }
        default_model_filename: "model.onnx"
        dynamic_batching { preferred_batch_size: 8 }
        optimization {
          input_pinned_memory { enable: true }
          output_pinned_memory { enable: true }
        }
        """
        ).config
    )


def test_what_was_written_stays_as_it_was() -> None:
    text = """
        name: "m" backend: "onnxruntime" platform: "onnxruntime_onnx"
        version_policy { all { } } max_batch_size: 8
        input { name: "x" data_type: TYPE_FP32 dims: 4 format: FORMAT_NHWC
                reshape { shape: [2, 2] } }
        output { name: "y" data_type: TYPE_STRING dims: [1, 2] label_filename: "l.txt" }
        instance_group { name: "one" count: 2 kind: KIND_CPU }
        default_model_filename: "other.onnx"
        dynamic_batching { preferred_batch_size: [2, 4] max_queue_delay_microseconds: 5 }
        optimization { input_pinned_memory { enable: false } output_pinned_memory { enable: true } }
        parameters { key: "k" value { string_value: "v" } }
        metric_tags { key: "team" value: "a" }
    """
    assert completed(text, file="other.onnx") == parse_config(text).config


def test_the_written_configuration_itself_is_left_alone() -> None:
    written = parse_config("max_batch_size: 8")
    before = written.config.SerializeToString()
    completed_config(written, planned(written, "model.onnx"), Turned())
    assert written.config.SerializeToString() == before


def test_a_model_that_was_told_its_batch_size_is_not_said_to_batch_dynamically() -> None:
    assert completed("max_batch_size: 8").WhichOneof("scheduling_choice") is None
    assert completed("max_batch_size: 0", Turned(batch_rows_max=0)).max_batch_size == 0
    one_row = completed("", Turned(batch_rows_max=1))
    assert one_row.WhichOneof("scheduling_choice") is None


def test_dynamic_batching_without_sizes_prefers_full_batches() -> None:
    batching = completed("max_batch_size: 8 dynamic_batching { }").dynamic_batching
    assert list(batching.preferred_batch_size) == [8]
    whole = completed("dynamic_batching { } max_batch_size: 0", Turned(batch_rows_max=0))
    assert not whole.dynamic_batching.preferred_batch_size


def test_a_tensor_listed_by_half_gets_its_other_half() -> None:
    config = completed('max_batch_size: 8 input { name: "x" data_type: TYPE_FP32 }')
    assert list(config.input[0].dims) == [4]
    assert len(config.input) == 1


@pytest.mark.parametrize(
    ("text", "gpus", "groups"),
    [
        ("instance_group { } instance_group { count: 3 }", 0, [("m_0", 1, 2), ("m_1", 3, 2)]),
        ("instance_group { count: 2 kind: KIND_AUTO }", 1, [("m_0", 2, 1)]),
        ("", 1, [("m", 1, 1)]),
    ],
)
def test_instance_groups_get_names_counts_and_kinds(
    text: str, gpus: int, groups: list[tuple[str, int, int]]
) -> None:
    found = completed(text, gpus=gpus).instance_group
    assert [(one.name, one.count, one.kind) for one in found] == groups
    assert [list(one.gpus) for one in found] == [[0] if gpus else []] * len(groups)


def test_a_python_model_keeps_its_empty_platform_as_tritons_do() -> None:
    config = completed(
        'input { name: "x" data_type: TYPE_FP32 dims: 4 }'
        'output { name: "y" data_type: TYPE_STRING dims: 2 }',
        Turned(batch_rows_max=0),
        file="model.py",
    )
    assert (config.backend, config.platform) == ("python", "")
    assert config.default_model_filename == "model.py"
    assert list(config.output[0].dims) == [2]
