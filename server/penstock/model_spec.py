# SPDX-License-Identifier: Apache-2.0
"""From a plan to the core's own values: what `engine` and `local_model` load."""

from collections.abc import Callable, Sequence
from typing import Any

from penstock.backends.isolation import WorkerLaunch
from penstock.errors import EngineError
from penstock.repository.model_files import read_labels, read_warmup_tensor
from penstock.repository.plan import (
    ModelPlan,
    QueuePlan,
    SessionPlan,
    SmokePlan,
    SmokeTensor,
    TensorPlan,
    WarmupPlan,
)

try:
    from penstock import _core
except ImportError as error:  # pragma: no cover - a broken installation
    raise EngineError(
        f"The native core cannot be loaded ({error}): `pip install .` or `make setup` builds it.",
        code="FAILED_PRECONDITION",
    ) from error

__all__ = ["model_spec", "tensor_plans"]


def model_spec(
    plan: ModelPlan,
    executes: Sequence[Callable[..., Any]],
    worker: WorkerLaunch | None,
) -> _core.ModelSpec:
    """What the core is to load. `executes`: a Python model's instances; `worker`: its processes.

    Raises RepositoryError if a file that the plan names cannot be read.
    """
    spec = _core.ModelSpec(plan.name, plan.version, plan.backend)
    spec.platform = plan.platform
    spec.model_path = str(plan.model_path)
    spec.batch_rows_max = plan.batch_rows_max
    spec.batch_rows_default = plan.batch_rows_default
    spec.inputs = _tensor_specs(plan.inputs)
    spec.outputs = _tensor_specs(plan.outputs)
    spec.instance_count = plan.instance_count
    spec.lane = plan.lane
    spec.queue = _queue_options(plan.queue)
    spec.ort = _ort_options(plan.session)
    spec.native_threads = plan.native_threads
    spec.smoke = _smoke(plan.smoke) if plan.smoke else None
    spec.warmups = [_warmup(warmup) for warmup in plan.warmups]
    spec.labels = {output: read_labels(path) for output, path in plan.label_files.items()}
    spec.python_executes = list(executes)
    spec.properties = list(plan.notes.properties)
    spec.tensor_parameters = list(plan.notes.tensors)
    spec.worker = _worker_options(worker) if worker else None
    return spec


def _worker_options(worker: WorkerLaunch) -> _core.WorkerOptions:
    made = _core.WorkerOptions()
    made.command = list(worker.command)
    made.document = worker.document
    made.batch_ms_max = round(worker.bounds.batch_seconds_max * 1000)
    made.load_ms_max = round(worker.bounds.load_seconds_max * 1000)
    made.memory_bytes_max = worker.bounds.memory_bytes_max
    made.shared_bytes_max = worker.bounds.shared_bytes_max
    return made


def _queue_options(plan: QueuePlan) -> _core.QueueOptions:
    made = _core.QueueOptions()
    made.preferred_batch_sizes = list(plan.preferred_batch_sizes)
    made.delay_max_us = plan.delay_max_us
    made.tickets_max = plan.tickets_max
    made.default_timeout_us = plan.default_timeout_us
    made.is_timeout_delay = plan.is_timeout_delay
    made.allows_timeout = plan.allows_timeout
    return made


def _ort_options(plan: SessionPlan) -> _core.OrtOptions:
    made = _core.OrtOptions()
    made.intra_op_threads = plan.intra_op_threads
    made.inter_op_threads = plan.inter_op_threads
    made.is_parallel = plan.is_parallel
    made.graph_level = plan.graph_level
    made.providers = [(name, dict(options)) for name, options in plan.providers]
    made.has_arena = plan.has_arena
    made.has_memory_plan = plan.has_memory_plan
    made.config_entries = dict(plan.config_entries)
    made.run_entries = dict(plan.run_entries)
    return made


def _smoke(plan: SmokePlan) -> _core.Smoke:
    return _core.Smoke(_smoke_tensors(plan.inputs), _smoke_tensors(plan.expected), plan.tolerance)


def _smoke_tensors(plans: Sequence[SmokeTensor]) -> list[_core.SmokeTensor]:
    return [_core.SmokeTensor(p.name, p.datatype, p.shape, p.content) for p in plans]


def _warmup(plan: WarmupPlan) -> _core.Warmup:
    inputs = [
        _core.WarmupInput(
            one.name,
            one.datatype,
            one.dims,
            one.source,
            read_warmup_tensor(one.file) if one.file else b"",
        )
        for one in plan.inputs
    ]
    return _core.Warmup(plan.name, plan.rows, plan.count, inputs)


def _tensor_specs(plans: Sequence[TensorPlan]) -> list[_core.TensorSpec]:
    return [_core.TensorSpec(p.name, p.datatype, p.dims, p.is_optional, p.reshape) for p in plans]


def tensor_plans(specs: Sequence[_core.TensorSpec]) -> tuple[TensorPlan, ...]:
    """The core\'s tensors as plain values."""
    return tuple(
        TensorPlan(
            name=spec.name,
            datatype=spec.datatype,
            dims=tuple(spec.dims),
            is_optional=spec.is_optional,
        )
        for spec in specs
    )
