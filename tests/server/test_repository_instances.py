# SPDX-License-Identifier: Apache-2.0

import pytest

from penstock.errors import RepositoryError, UnsupportedError
from penstock.repository.config_file import ModelConfig, parse_config
from penstock.repository.instances import Machine, gpu_index, instance_count, wants_gpu

CPU = Machine()
GPUS = Machine(gpu_count=2)


def config(text: str) -> ModelConfig:
    return parse_config(text).config


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("instance_group { }", 1),
        ("instance_group { count: 3 }", 3),
        ("instance_group { count: 3 } instance_group { count: 2 }", 5),
        ("instance_group { count: 3 } instance_group { count: 2 passive: true }", 3),
        ("instance_group { count: 2 kind: KIND_GPU gpus: [ 0, 1 ] }", 4),
    ],
)
def test_instances_are_summed_over_the_groups(text: str, count: int) -> None:
    assert instance_count(config(text)) == count


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("instance_group { count: -1 }", "instance_group.count is -1"),
        ("instance_group { passive: true }", "Every instance_group is passive"),
    ],
)
def test_groups_that_could_not_run_are_refused(text: str, sentence: str) -> None:
    with pytest.raises(RepositoryError, match=sentence):
        instance_count(config(text))


@pytest.mark.parametrize(
    ("text", "machine", "on_gpu"),
    [
        ("", CPU, False),
        ("", GPUS, True),
        ("instance_group { }", CPU, False),
        ("instance_group { }", GPUS, True),
        ("instance_group { kind: KIND_CPU }", GPUS, False),
        ("instance_group { kind: KIND_MODEL }", GPUS, False),
        ("instance_group { kind: KIND_GPU }", GPUS, True),
        ("instance_group { kind: KIND_GPU gpus: 1 }", GPUS, True),
    ],
)
def test_a_model_runs_on_a_gpu_where_there_is_one_unless_told_otherwise(
    text: str, machine: Machine, on_gpu: bool
) -> None:
    assert wants_gpu(config(text), machine) is on_gpu


@pytest.mark.parametrize("text", ["kind: KIND_GPU", "gpus: [ 0 ]"])
def test_a_gpu_that_is_not_there_is_an_error_with_its_reason(text: str) -> None:
    with pytest.raises(RepositoryError, match="wants a GPU, but this machine has none"):
        wants_gpu(config(f"instance_group {{ {text} }}"), CPU)


def test_a_gpu_beyond_the_last_is_an_error() -> None:
    with pytest.raises(RepositoryError, match="wants GPU 2, but there are 2, counted from 0"):
        wants_gpu(config("instance_group { kind: KIND_GPU gpus: 2 }"), GPUS)


def test_groups_on_different_devices_are_refused() -> None:
    text = "instance_group { kind: KIND_GPU } instance_group { kind: KIND_CPU }"
    with pytest.raises(UnsupportedError, match="partly KIND_GPU and partly KIND_CPU"):
        wants_gpu(config(text), GPUS)
    with pytest.raises(UnsupportedError, match=r"names \[0, 1\]: a model runs on one GPU"):
        gpu_index(config("instance_group { gpus: [ 0, 1 ] }"))
