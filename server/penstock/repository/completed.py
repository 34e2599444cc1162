# SPDX-License-Identifier: Apache-2.0
"""A configuration as it is served: what was written, and what was found out beside it. Pure.

Where the writer left something open, the answer is what this server does; the fields that are
filled in are those that Triton fills in, so that a client finds them where it looks.
"""

from collections.abc import Sequence
from typing import Protocol, cast

from penstock.repository.config_file import ModelConfig, WrittenConfig
from penstock.repository.plan import ModelPlan, TensorPlan
from penstock_client._proto.model_config_pb2 import (
    DataType,
    ModelInput,
    ModelInstanceGroup,
    ModelOutput,
)

__all__ = ["Served", "completed_config"]

GPU_PROVIDERS = frozenset({"CUDAExecutionProvider", "TensorrtExecutionProvider"})


class Served(Protocol):
    """What a version turned out to be; `engine.LoadedVersion` is one."""

    @property
    def inputs(self) -> Sequence[TensorPlan]:
        """As requests bring them."""

    @property
    def outputs(self) -> Sequence[TensorPlan]:
        """As answers bring them."""

    @property
    def batch_rows_max(self) -> int:
        """Rows of one batch at most; 0: no batch dimension."""


def completed_config(written: WrittenConfig, plan: ModelPlan, served: Served) -> ModelConfig:
    """The configuration of a version that was loaded by `plan` and turned out to be `served`.

    Written down and loaded in its place, it completes to itself.
    """
    config = ModelConfig()
    config.CopyFrom(written.config)
    config.name = plan.name
    config.backend = plan.backend
    if plan.backend == "onnxruntime":
        config.platform = plan.platform
    if plan.backend != "identity" and not config.default_model_filename:
        config.default_model_filename = plan.model_path.name
    if not config.HasField("version_policy"):
        config.version_policy.latest.num_versions = 1
    _complete_batching(config, served.batch_rows_max)
    _complete_tensors(config, served)
    _complete_groups(config, plan)
    optimization = config.optimization
    if not optimization.HasField("input_pinned_memory"):
        optimization.input_pinned_memory.enable = True
    if not optimization.HasField("output_pinned_memory"):
        optimization.output_pinned_memory.enable = True
    return config


def _complete_batching(config: ModelConfig, batch_rows_max: int) -> None:
    was_open = config.max_batch_size == 0
    config.max_batch_size = batch_rows_max
    if was_open and batch_rows_max > 1 and not config.WhichOneof("scheduling_choice"):
        config.dynamic_batching.SetInParent()
    if config.WhichOneof("scheduling_choice") != "dynamic_batching" or not batch_rows_max:
        return
    if not config.dynamic_batching.preferred_batch_size:
        config.dynamic_batching.preferred_batch_size.append(batch_rows_max)


def _complete_tensors(config: ModelConfig, served: Served) -> None:
    inputs = {tensor.name: tensor for tensor in config.input}
    outputs = {tensor.name: tensor for tensor in config.output}
    for found in served.inputs:
        if found.name not in inputs:
            inputs[found.name] = config.input.add(name=found.name, optional=found.is_optional)
        _complete_tensor(inputs[found.name], found)
    for found in served.outputs:
        if found.name not in outputs:
            outputs[found.name] = config.output.add(name=found.name)
        _complete_tensor(outputs[found.name], found)


def _complete_tensor(tensor: ModelInput | ModelOutput, found: TensorPlan) -> None:
    if tensor.data_type == DataType.TYPE_INVALID:
        name = "STRING" if found.datatype == "BYTES" else found.datatype
        tensor.data_type = cast("DataType", DataType.Value(f"TYPE_{name}"))
    if not tensor.dims:
        tensor.dims.extend(found.dims)


def _complete_groups(config: ModelConfig, plan: ModelPlan) -> None:
    """Kinds and counts as they run; names as Triton gives them."""
    devices = [
        int(options.get("device_id", "0"))
        for name, options in plan.session.providers
        if name in GPU_PROVIDERS
    ]
    if not config.instance_group:
        config.instance_group.add(name=config.name, count=plan.instance_count)
    for i, group in enumerate(config.instance_group):
        group.name = group.name or f"{config.name}_{i}"
        group.count = group.count or 1
        if group.kind == ModelInstanceGroup.KIND_AUTO:
            group.kind = ModelInstanceGroup.KIND_GPU if devices else ModelInstanceGroup.KIND_CPU
        if group.kind == ModelInstanceGroup.KIND_GPU and not group.gpus:
            group.gpus.extend(devices[:1])
