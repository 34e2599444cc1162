# SPDX-License-Identifier: Apache-2.0
"""What a configuration says to ONNX Runtime: threads, graph level, execution providers. Pure.

Keys are those that Triton's ONNX Runtime backend documents; a key of ONNX Runtime's own session
configuration ("session.intra_op.allow_spinning") is passed on as it is.
"""

from collections.abc import Iterator, Mapping

from penstock.errors import RepositoryError, UnsupportedError
from penstock.repository.config_file import ModelConfig
from penstock.repository.instances import gpu_index
from penstock.repository.parameters import choice, text, whole_number
from penstock.repository.plan import SessionPlan
from penstock_client._proto.model_config_pb2 import ModelOptimizationPolicy

__all__ = ["ignored_parameters", "session_plan"]

Accelerator = ModelOptimizationPolicy.ExecutionAccelerators.Accelerator
Provider = tuple[str, Mapping[str, str]]

#: Sections of ONNX Runtime's own configuration: of a session, and of each run.
SESSION_SECTIONS = ("session.", "optimization.", "ep.", "mlas.")
RUN_SECTIONS = ("memory.",)

#: optimization.graph.level -> ONNX Runtime's number: all, basic, basic and extended, none.
GRAPH_LEVELS = {0: 99, -1: 1, 1: 2, 2: 0}

#: Parameters that configure the CUDA provider, from before there was an accelerator "cuda"; their
#: numbers, where ONNX Runtime wants words.
CUDA_PARAMETERS: dict[str, dict[str, str]] = {
    "cudnn_conv_algo_search": {"0": "EXHAUSTIVE", "1": "HEURISTIC", "2": "DEFAULT"},
    "arena_extend_strategy": {"0": "kNextPowerOfTwo", "1": "kSameAsRequested"},
    "gpu_mem_limit": {},
    "do_copy_in_default_stream": {},
}

TENSORRT_NAMES = {
    "max_workspace_size_bytes": "trt_max_workspace_size",
    "int8_calibration_table_name": "trt_int8_calibration_table_name",
    "int8_use_native_calibration_table": "trt_int8_use_native_calibration_table",
}

SESSION_PARAMETERS = (
    "intra_op_thread_count",
    "inter_op_thread_count",
    "execution_mode",
    "enable_mem_arena",
    "enable_mem_pattern",
)


def session_plan(config: ModelConfig, *, on_gpu: bool) -> SessionPlan:
    """How the model's sessions are made."""
    parameters = config.parameters
    level = config.optimization.graph.level
    if level not in GRAPH_LEVELS:
        raise RepositoryError(f"optimization.graph.level is {level}: wanted -1, 0, 1 or 2.")
    return SessionPlan(
        intra_op_threads=whole_number(parameters, "intra_op_thread_count", default=1),
        inter_op_threads=whole_number(parameters, "inter_op_thread_count", default=1),
        is_parallel=choice(parameters, "execution_mode", ("0", "1"), default="0") == "1",
        graph_level=GRAPH_LEVELS[level],
        providers=tuple(_gpu_providers(config) if on_gpu else _cpu_providers(config)),
        has_arena=choice(parameters, "enable_mem_arena", ("0", "1"), default="1") == "1",
        has_memory_plan=choice(parameters, "enable_mem_pattern", ("0", "1"), default="1") == "1",
        config_entries=_entries(config, SESSION_SECTIONS),
        run_entries=_entries(config, RUN_SECTIONS),
    )


def ignored_parameters(config: ModelConfig) -> list[str]:
    """Parameters of an ONNX model that nothing reads, as paths."""
    known = {*SESSION_PARAMETERS, *CUDA_PARAMETERS}
    read = (*SESSION_SECTIONS, *RUN_SECTIONS, "penstock.")
    return [
        f"parameters.{key}"
        for key in sorted(config.parameters)
        if key not in known and not key.startswith(read)
    ]


def _entries(config: ModelConfig, sections: tuple[str, ...]) -> dict[str, str]:
    return {
        key: value.string_value
        for key, value in sorted(config.parameters.items())
        if key.startswith(sections)
    }


def _gpu_providers(config: ModelConfig) -> Iterator[Provider]:
    """TensorRT first where it is asked for; CUDA always, for what the others leave."""
    device = {"device_id": str(gpu_index(config))}
    cuda = {**device, **_cuda_parameters(config)}
    for accelerator in config.optimization.execution_accelerators.gpu_execution_accelerator:
        match accelerator.name:
            case "tensorrt":
                yield "TensorrtExecutionProvider", {**device, **_tensorrt_options(accelerator)}
            case "cuda":
                cuda |= dict(accelerator.parameters)
            case name:
                raise UnsupportedError(
                    f"gpu_execution_accelerator wants {name!r}: wanted tensorrt or cuda."
                )
    yield "CUDAExecutionProvider", cuda


def _cpu_providers(config: ModelConfig) -> Iterator[Provider]:
    for accelerator in config.optimization.execution_accelerators.cpu_execution_accelerator:
        if accelerator.name != "openvino":
            raise UnsupportedError(
                f"cpu_execution_accelerator wants {accelerator.name!r}: wanted openvino."
            )
        yield "OpenVINOExecutionProvider", dict(accelerator.parameters)


def _cuda_parameters(config: ModelConfig) -> dict[str, str]:
    options = {}
    for key, words in CUDA_PARAMETERS.items():
        found = text(config.parameters, key)
        if found is not None:
            options[key] = words.get(found, found)
    return options


def _tensorrt_options(accelerator: Accelerator) -> dict[str, str]:
    options: dict[str, str] = {}
    for key, value in sorted(accelerator.parameters.items()):
        if key == "precision_mode":
            options |= _precision(value)
        else:
            options[TENSORRT_NAMES.get(key, key)] = value
    return options


def _precision(mode: str) -> dict[str, str]:
    match mode:
        case "FP32":
            return {}
        case "FP16":
            return {"trt_fp16_enable": "1"}
        case "INT8":
            return {"trt_int8_enable": "1"}
    raise RepositoryError(f"precision_mode is {mode!r}: wanted FP32, FP16 or INT8.")
