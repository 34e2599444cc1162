# SPDX-License-Identifier: Apache-2.0
"""Small real parts for the control application: a repository, statistics and memory that are
dictionaries, and keep what they were asked.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from google.protobuf import text_format
from tests.doubles.drift import ListedDrift
from tests.doubles.rollouts import ListedRollouts
from tests.doubles.routes import ListedRoutes

from penstock.control.application import ControlApplication
from penstock.control.log_settings import LogSettings
from penstock.control.parts import IndexEntry, LoadWish, MemoryRegion
from penstock.control.trace_settings import TraceSettings
from penstock.errors import ControlError
from penstock.logs import LogChoice, LogOutput, start_logging
from penstock_client._proto.inference_extensions_pb2 import ModelStatistics
from penstock_client._proto.model_config_pb2 import ModelConfig

ADDER = """
name: "adder" platform: "onnxruntime_onnx" backend: "onnxruntime" max_batch_size: 8
input { name: "INPUT0" data_type: TYPE_INT32 dims: [16] }
input { name: "INPUT1" data_type: TYPE_INT32 dims: [16] }
output { name: "OUTPUT0" data_type: TYPE_INT32 dims: [16] }
version_policy { latest { num_versions: 1 } }
dynamic_batching { max_queue_delay_microseconds: 100 }
parameters { key: "notes" value { string_value: "two" } }
"""


def config_of(text: str) -> ModelConfig:
    return text_format.Parse(text, ModelConfig())


@dataclass
class ListedRepository:
    """Has `entries`, and the configurations of those that are loaded."""

    entries: list[IndexEntry] = field(default_factory=list)
    configs: dict[str, ModelConfig] = field(default_factory=dict)
    loads: list[LoadWish] = field(default_factory=list)
    unloads: list[tuple[str, bool]] = field(default_factory=list)

    async def index(self, *, repository: str = "", ready_only: bool = False) -> list[IndexEntry]:
        if repository not in ("", "main"):
            raise ControlError(f"there is no repository '{repository}'", code="NOT_FOUND")
        return [one for one in self.entries if not ready_only or one.state == "READY"]

    async def load(self, wish: LoadWish) -> None:
        self.loads.append(wish)
        if wish.model == "absent":
            raise ControlError(
                "failed to load 'absent', failed to poll from model repository", code="INTERNAL"
            )

    async def unload(self, model: str, *, unload_dependents: bool = False) -> None:
        self.unloads.append((model, unload_dependents))

    def config(self, model: str, version: str = "") -> ModelConfig:
        if model == "broken":
            raise RuntimeError("a bug")
        if model not in self.configs or version not in ("", "1"):
            raise ControlError(
                f"Request for unknown model: '{model}' is not found", code="NOT_FOUND"
            )
        return self.configs[model]


@dataclass
class KeptStatistics:
    """Tells what it was given."""

    kept: list[ModelStatistics] = field(default_factory=list)

    def statistics(self, model: str = "", version: str = "") -> Sequence[ModelStatistics]:
        return [
            one for one in self.kept if model in ("", one.name) and version in ("", one.version)
        ]


@dataclass
class NamedRegions:
    """Regions by name; no GPU."""

    held: dict[str, MemoryRegion] = field(default_factory=dict)

    def register(self, region: MemoryRegion) -> None:
        if region.name in self.held:
            raise ControlError(
                f"shared memory region '{region.name}' already in manager", code="ALREADY_EXISTS"
            )
        self.held[region.name] = region

    def unregister(self, name: str = "") -> None:
        for one in [name] if name else list(self.held):
            self.held.pop(one, None)

    def regions(self, name: str = "") -> list[MemoryRegion]:
        return [one for one in self.held.values() if name in ("", one.name)]

    def register_cuda(self, name: str, raw_handle: bytes, device_id: int, byte_size: int) -> None:
        raise ControlError(
            f"failed to register CUDA shared memory region: '{name}', GPUs not supported"
        )

    def unregister_cuda(self, name: str = "") -> None:
        pass


@dataclass
class Parts:
    """An application, and the parts that it is made of."""

    log: LogOutput
    repository: ListedRepository = field(default_factory=ListedRepository)
    statistics: KeptStatistics = field(default_factory=KeptStatistics)
    memory: NamedRegions = field(default_factory=NamedRegions)
    rollouts: ListedRollouts = field(default_factory=ListedRollouts)
    routes: ListedRoutes = field(default_factory=ListedRoutes)
    drift: ListedDrift = field(default_factory=ListedDrift)

    def __post_init__(self) -> None:
        self.repository.configs["adder"] = config_of(ADDER)
        self.repository.entries += [
            IndexEntry(name="adder", version="1", state="READY"),
            IndexEntry(name="bad", version="2", state="UNAVAILABLE", reason="no model.onnx"),
            IndexEntry(name="idle"),
        ]
        one = ModelStatistics(name="adder", version="1", inference_count=3, execution_count=2)
        one.inference_stats.success.count = 3
        one.inference_stats.success.ns = 2**53 + 1
        one.batch_stats.add(batch_size=4).compute_infer.count = 2
        self.statistics.kept.append(one)
        self.application = ControlApplication(
            repository=self.repository,
            statistics=self.statistics,
            shared_memory=self.memory,
            logs=LogSettings(self.log),
            traces=TraceSettings(),
            rollouts=self.rollouts,
            routes=self.routes,
            drift=self.drift,
        )


@contextmanager
def quiet_log(choice: LogChoice | None = None) -> Iterator[tuple[LogOutput, io.BytesIO]]:
    """A log that goes to memory; the root logger is put back afterwards."""
    handlers, level = logging.root.handlers[:], logging.root.level
    logging.root.handlers = []
    stream = io.BytesIO()
    try:
        yield start_logging(choice or LogChoice(), write=stream.write), stream
    finally:
        logging.root.handlers = handlers
        logging.root.setLevel(level)
