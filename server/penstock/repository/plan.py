# SPDX-License-Identifier: Apache-2.0
"""What is to be loaded, as plain values: the answer to a model's configuration.

`repository.translate` makes a plan, `engine` hands it to the native core. Fields mean what the
core's own ModelSpec says of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

__all__ = [
    "IsolationPlan",
    "ModelPlan",
    "NotesPlan",
    "QueuePlan",
    "SessionPlan",
    "SmokePlan",
    "SmokeTensor",
    "TensorPlan",
    "WarmupInput",
    "WarmupPlan",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorPlan:
    """A tensor as requests and answers have it. `dims` leaves out the batch dimension; -1 is any.

    `reshape`: the dims that the model has for it, where they differ.
    """

    name: str
    datatype: str
    dims: tuple[int, ...]
    is_optional: bool = False
    reshape: tuple[int, ...] | None = None

    @property
    def model_dims(self) -> tuple[int, ...]:
        """The dims that the model has for it."""
        return self.dims if self.reshape is None else self.reshape


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePlan:
    """How requests wait. Durations in microseconds; 0 is none, or the core's own bound."""

    preferred_batch_sizes: tuple[int, ...] = ()
    delay_max_us: int = 0
    tickets_max: int = 0
    default_timeout_us: int = 0
    is_timeout_delay: bool = False
    allows_timeout: bool = False  # a request may shorten its wait by its parameter `timeout`


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPlan:
    """How ONNX Runtime's sessions are made."""

    intra_op_threads: int = 1
    inter_op_threads: int = 1
    is_parallel: bool = False
    graph_level: int = 99
    providers: tuple[tuple[str, Mapping[str, str]], ...] = ()
    has_arena: bool = True
    has_memory_plan: bool = True
    config_entries: Mapping[str, str] = field(default_factory=dict)
    run_entries: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class IsolationPlan:
    """The bounds of a model that runs in processes of its own, one per instance. 0: none."""

    batch_seconds_max: float = 60.0
    load_seconds_max: float = 600.0
    memory_bytes_max: int = 0
    shared_bytes_max: int = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmupInput:
    """What a warm-up request brings for one input: zeros, random values, or what a file holds."""

    name: str
    datatype: str
    dims: tuple[int, ...]
    source: Literal["zero", "random", "file"]
    file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmupPlan:
    """A batch of `rows` equal requests, executed `count` times by each instance before service."""

    name: str
    rows: int
    count: int
    inputs: tuple[WarmupInput, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeTensor:
    """A tensor of a smoke request or its answer: whole, `content` in the protocol's raw form."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokePlan:
    """A request whose answer is known, executed by each instance before warm-up."""

    inputs: tuple[SmokeTensor, ...]
    expected: tuple[SmokeTensor, ...]
    tolerance: float  # of floats, relative to the larger of 1 and what is expected


@dataclass(frozen=True, slots=True, kw_only=True)
class NotesPlan:
    """What metadata say besides the signature: name and value; tensor, name and value."""

    properties: tuple[tuple[str, str], ...] = ()
    tensors: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPlan:
    """One version of one model."""

    name: str
    version: int
    platform: str
    backend: str
    model_path: Path
    batch_rows_max: int | None
    batch_rows_default: int
    inputs: tuple[TensorPlan, ...] = ()
    outputs: tuple[TensorPlan, ...] = ()
    instance_count: int = 1
    lane: str = "auto"
    queue: QueuePlan = QueuePlan()
    session: SessionPlan = SessionPlan()
    native_threads: int = 0  # that compute a large batch of a native model; 0: as many as pay
    notes: NotesPlan = NotesPlan()
    isolation: IsolationPlan | None = None  # None: it runs in the server's process
    label_files: Mapping[str, Path] = field(default_factory=dict)  # of outputs
    smoke: SmokePlan | None = None
    warmups: tuple[WarmupPlan, ...] = ()
    metric_tags: Mapping[str, str] = field(default_factory=dict)
    #: Upper bounds of histograms by family, in the family's unit.
    metric_buckets: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
