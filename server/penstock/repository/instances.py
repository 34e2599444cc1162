# SPDX-License-Identifier: Apache-2.0
"""How many instances a model has, and on which device. Pure functions."""

from dataclasses import dataclass

from penstock.errors import RepositoryError, UnsupportedError
from penstock.repository.config_file import ModelConfig
from penstock_client._proto.model_config_pb2 import ModelInstanceGroup

__all__ = ["Machine", "gpu_index", "instance_count", "instance_devices", "wants_gpu"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What models may run on. `gpu_count` is 0 also where ONNX Runtime is a CPU build."""

    gpu_count: int = 0
    no_gpu_reason: str = "this machine has none"


def instance_count(config: ModelConfig) -> int:
    """Instances over all groups; 1 without a group."""
    groups = _active_groups(config)
    if config.instance_group and not groups:
        raise RepositoryError("Every instance_group is passive: nothing could run the model.")
    for group in groups:
        if group.count < 0:
            raise RepositoryError(
                f"instance_group.count is {group.count}: wanted at least 1, or 0 for the default."
            )
    return sum((group.count or 1) * (len(group.gpus) or 1) for group in groups) or 1


def instance_devices(config: ModelConfig) -> list[tuple[str, int]]:
    """Of each instance of a Python model the kind ("CPU", "GPU" or "MODEL") and the device.

    Its code does with these what it likes: the server puts nothing onto a device for it.
    """
    kinds = {ModelInstanceGroup.KIND_GPU: "GPU", ModelInstanceGroup.KIND_MODEL: "MODEL"}
    devices = []
    for group in _active_groups(config):
        is_auto_gpu = group.kind == ModelInstanceGroup.KIND_AUTO and bool(group.gpus)
        kind = "GPU" if is_auto_gpu else kinds.get(group.kind, "CPU")
        for device in group.gpus or [0]:
            devices += [(kind, device)] * (group.count or 1)
    return devices or [("CPU", 0)]


def wants_gpu(config: ModelConfig, machine: Machine) -> bool:
    """Whether the model runs on a GPU; groups that leave it open take one where there is one."""
    groups = _active_groups(config)
    kinds = {_on_gpu(group, machine) for group in groups}
    if len(kinds) > 1:
        raise UnsupportedError(
            "The instance_groups are partly KIND_GPU and partly KIND_CPU: "
            "all instances of a model run on the same device so far."
        )
    if not kinds:
        return machine.gpu_count > 0
    if kinds == {False}:
        return False
    if not machine.gpu_count:
        raise RepositoryError(f"instance_group wants a GPU, but {machine.no_gpu_reason}.")
    if gpu_index(config) >= machine.gpu_count:
        raise RepositoryError(
            f"instance_group wants GPU {gpu_index(config)}, but there are {machine.gpu_count}, "
            "counted from 0."
        )
    return True


def gpu_index(config: ModelConfig) -> int:
    """The GPU that the instances run on, counted from 0."""
    devices = {device for group in _active_groups(config) for device in group.gpus}
    if len(devices) > 1:
        raise UnsupportedError(
            f"instance_group.gpus names {sorted(devices)}: a model runs on one GPU so far."
        )
    return devices.pop() if devices else 0


def _active_groups(config: ModelConfig) -> list[ModelInstanceGroup]:
    return [group for group in config.instance_group if not group.passive]


def _on_gpu(group: ModelInstanceGroup, machine: Machine) -> bool:
    if group.kind == ModelInstanceGroup.KIND_AUTO:
        return bool(group.gpus) or machine.gpu_count > 0
    return group.kind == ModelInstanceGroup.KIND_GPU
