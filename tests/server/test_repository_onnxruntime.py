# SPDX-License-Identifier: Apache-2.0

import pytest

from penstock.errors import RepositoryError, UnsupportedError
from penstock.repository.config_file import ModelConfig, parse_config
from penstock.repository.onnxruntime import ignored_parameters, session_plan
from penstock.repository.plan import SessionPlan


def config(text: str) -> ModelConfig:
    return parse_config(text).config


def parameter(key: str, value: str) -> str:
    return f'parameters {{ key: "{key}" value {{ string_value: "{value}" }} }}\n'


def accelerator(device: str, name: str, **parameters: str) -> str:
    inner = "".join(f' parameters {{ key: "{k}" value: "{v}" }}' for k, v in parameters.items())
    block = f'{device}_execution_accelerator {{ name: "{name}"{inner} }}'
    return f"optimization {{ execution_accelerators {{ {block} }} }}\n"


def test_a_silent_configuration_means_one_thread_all_optimizations_and_no_provider() -> None:
    assert session_plan(config(""), on_gpu=False) == SessionPlan()


def test_threads_and_mode_are_parameters() -> None:
    text = parameter("intra_op_thread_count", "4") + parameter("inter_op_thread_count", "2")
    plan = session_plan(config(text + parameter("execution_mode", "1")), on_gpu=False)
    assert (plan.intra_op_threads, plan.inter_op_threads, plan.is_parallel) == (4, 2, True)


def test_memory_is_kept_or_given_back_as_the_parameters_say() -> None:
    shrinkage = "memory.enable_memory_arena_shrinkage"
    text = parameter("enable_mem_arena", "0") + parameter(shrinkage, "cpu:0")
    plan = session_plan(config(text + parameter("enable_mem_pattern", "0")), on_gpu=False)
    assert (plan.has_arena, plan.has_memory_plan) == (False, False)
    assert (plan.config_entries, plan.run_entries) == ({}, {shrinkage: "cpu:0"})


@pytest.mark.parametrize(("level", "number"), [(-1, 1), (0, 99), (1, 2), (2, 0)])
def test_a_graph_level_is_onnx_runtimes_number(level: int, number: int) -> None:
    text = f"optimization {{ graph {{ level: {level} }} }}"
    assert session_plan(config(text), on_gpu=False).graph_level == number


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (parameter("intra_op_thread_count", "many"), "intra_op_thread_count is 'many': wanted a"),
        (parameter("intra_op_thread_count", "-1"), "intra_op_thread_count is '-1'"),
        (parameter("execution_mode", "2"), "execution_mode is '2': wanted 0 or 1"),
        ("optimization { graph { level: 3 } }", "level is 3: wanted -1, 0, 1 or 2"),
    ],
)
def test_a_wrong_parameter_is_named(text: str, sentence: str) -> None:
    with pytest.raises(RepositoryError, match=sentence):
        session_plan(config(text), on_gpu=False)


def test_onnx_runtimes_own_entries_are_passed_on() -> None:
    text = parameter("session.intra_op.allow_spinning", "0") + parameter("other", "1")
    plan = session_plan(config(text), on_gpu=False)
    assert plan.config_entries == {"session.intra_op.allow_spinning": "0"}
    assert ignored_parameters(config(text)) == ["parameters.other"]


def test_a_gpu_model_uses_cuda_on_its_device() -> None:
    text = "instance_group { kind: KIND_GPU gpus: 1 }"
    plan = session_plan(config(text), on_gpu=True)
    assert plan.providers == (("CUDAExecutionProvider", {"device_id": "1"}),)


def test_cudas_older_parameters_become_its_options() -> None:
    text = parameter("cudnn_conv_algo_search", "1") + parameter("gpu_mem_limit", "1024")
    ((name, options),) = session_plan(config(text), on_gpu=True).providers
    assert name == "CUDAExecutionProvider"
    assert options == {
        "device_id": "0",
        "cudnn_conv_algo_search": "HEURISTIC",
        "gpu_mem_limit": "1024",
    }


def test_tensorrt_comes_before_cuda_with_its_own_names() -> None:
    text = accelerator(
        "gpu", "tensorrt", precision_mode="FP16", max_workspace_size_bytes="9", trt_dla_core="1"
    )
    plan = session_plan(config(text), on_gpu=True)
    assert plan.providers == (
        (
            "TensorrtExecutionProvider",
            {
                "device_id": "0",
                "trt_fp16_enable": "1",
                "trt_max_workspace_size": "9",
                "trt_dla_core": "1",
            },
        ),
        ("CUDAExecutionProvider", {"device_id": "0"}),
    )


def test_options_of_the_cuda_accelerator_are_cudas() -> None:
    text = accelerator("gpu", "cuda", use_tf32="0")
    ((_, options),) = session_plan(config(text), on_gpu=True).providers
    assert options == {"device_id": "0", "use_tf32": "0"}


def test_accelerators_of_the_other_device_are_left_out() -> None:
    assert session_plan(config(accelerator("gpu", "tensorrt")), on_gpu=False).providers == ()
    on_cpu = session_plan(config(accelerator("cpu", "openvino", device_type="CPU")), on_gpu=False)
    assert on_cpu.providers == (("OpenVINOExecutionProvider", {"device_type": "CPU"}),)


def test_an_unknown_accelerator_or_precision_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="wants 'warp': wanted tensorrt or cuda"):
        session_plan(config(accelerator("gpu", "warp")), on_gpu=True)
    with pytest.raises(UnsupportedError, match="wants 'tensorrt': wanted openvino"):
        session_plan(config(accelerator("cpu", "tensorrt")), on_gpu=False)
    with pytest.raises(RepositoryError, match="precision_mode is 'FP8': wanted FP32, FP16 or INT8"):
        session_plan(config(accelerator("gpu", "tensorrt", precision_mode="FP8")), on_gpu=True)
