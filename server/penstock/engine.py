# SPDX-License-Identifier: Apache-2.0
"""The native core, as the server knows it. Besides, only `native/model.py` imports it.

Plans and options go in, plain values come out, and every failure is an `EngineError`.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from penstock import __version__
from penstock.backends.isolation import WorkerLaunch
from penstock.backends.onnxruntime_library import OnnxRuntimeLibrary
from penstock.config import ServerOptions
from penstock.errors import EngineError, ListenError, OptionsError
from penstock.hosting.bridge_loop import CallBridge
from penstock.metric_settings import MetricSettings, bounds_ns, label_tags, read_metric_settings
from penstock.model_spec import model_spec, tensor_plans
from penstock.repository.plan import ModelPlan, TensorPlan
from penstock.statistics import BatchSizeStatistics, CountedTime, VersionStatistics

try:
    from penstock import _core
    from penstock._core.drift import Drift as CoreDrift
    from penstock._core.loading import LoadedModel, UnservedVersion
    from penstock._core.traffic import Traffic as CoreTraffic
except ImportError as error:  # pragma: no cover - a broken installation
    raise EngineError(
        f"The native core cannot be loaded ({error}): `pip install .` or `make setup` builds it.",
        code="FAILED_PRECONDITION",
    ) from error

__all__ = ["Engine", "LoadedVersion", "UnservedVersion", "VersionUse", "isa"]

log = logging.getLogger(__name__)

LOG_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

#: Of the protocol's extensions (classification, statistics, ...), those this server answers to.
EXTENSIONS: tuple[str, ...] = (
    "classification",
    "model_repository",
    "model_repository(unload_dependents)",
    "schedule_policy",
    "model_configuration",
    "system_shared_memory",
    "cuda_shared_memory",
    "binary_tensor_data",
    "parameters",
    "statistics",
    "trace",
    "logging",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedVersion:
    """What became of a plan: a version that is served.

    `row_cost_us` is the cost of one row measured at load, in microseconds; None if it could not be.
    """

    name: str
    version: int
    inputs: tuple[TensorPlan, ...]
    outputs: tuple[TensorPlan, ...]
    batch_rows_max: int
    lane: str
    row_cost_us: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionUse:
    """How much a loaded version is used.

    `last_ms` is its last inference, in milliseconds since 1970, 0 if there was none; `calls` are
    those under way.
    """

    model: str
    version: int
    last_ms: int
    calls: int


class Engine:
    """The server's native side: its threads, connections and models.

    Every method may be called from any thread; those that wait do so without the interpreter's
    lock. Made once per process, by `app`.
    """

    def __init__(self, options: ServerOptions, library: OnnxRuntimeLibrary | None) -> None:
        """Without a `library` there is no onnxruntime backend.

        Raises OptionsError with what is wrong with the options.
        """
        self._options = options
        self._metrics = read_metric_settings(options.metrics_config)
        try:
            self._core = _core.Engine(_engine_options(options, library, self._metrics))
        except _core.CoreError as error:
            if error.code != "INVALID_ARGUMENT":
                raise EngineError(str(error), code=error.code) from None
            raise OptionsError(str(error)) from None

    def start(self) -> None:
        """Listens. Raises ListenError if an address cannot be had."""
        try:
            self._core.start()
        except _core.CoreError as error:
            raise ListenError(str(error)) from None

    @property
    def traffic(self) -> CoreTraffic:
        """Its routes and trials, for `penstock.traffic`."""
        return self._core.traffic

    @property
    def drift(self) -> CoreDrift:
        """What its versions are watched by, for `penstock.drift.counting`."""
        return self._core.drift

    @property
    def grpc_port(self) -> int:
        """The port of gRPC in use, also when the system chose it; 0: gRPC is not served."""
        return self._core.grpc_port

    @property
    def rest_port(self) -> int:
        """The port of REST in use; 0: REST is not served."""
        return self._core.rest_port

    def load(
        self,
        plan: ModelPlan,
        executes: Sequence[Callable[..., Any]] = (),
        worker: WorkerLaunch | None = None,
        began: float | None = None,
        *,
        before_served: Callable[[LoadedVersion, UnservedVersion], object] | None = None,
    ) -> LoadedVersion:
        """Loads, tries, warms and publishes one version; blocks.

        `executes` are a Python model's instances. With `worker` these are processes instead,
        started and watched by the core. `began` is when loading began, on time.monotonic()'s
        clock, if that was before now. `before_served` is called once it is warm, and no request
        reaches it before that returns.

        Raises EngineError with what is wrong with the model or its configuration, and
        RepositoryError if its metrics' labels or buckets are.
        """
        spec = model_spec(plan, executes, worker)
        spec.metric_tags = label_tags(plan.metric_tags)
        spec.metric_bounds_ns, unknown = bounds_ns(plan.metric_buckets, self._metrics)
        if unknown:
            log.warning(
                "metric_buckets_unused", extra={"model": plan.name, "families": ", ".join(unknown)}
            )
        if began is not None:
            spec.load_began_ns = round(began * 1e9)
        try:
            unserved = self._core.prepare(spec)
        except _core.CoreError as error:
            raise EngineError(str(error), code=error.code, stage=error.stage) from None
        loaded = _loaded_version(unserved.loaded)
        if before_served is not None:
            before_served(loaded, unserved)
        with _engine_errors():
            unserved.serve()
        return loaded

    def set_failed(self, name: str, version: int, reason: str) -> None:
        """Answers for a version that could not be loaded: not ready, for this reason."""
        with _engine_errors():
            self._core.set_failed(name, version, reason)

    def unload(self, name: str, version: int) -> None:
        """Takes a version out of service; requests already accepted are answered."""
        with _engine_errors():
            self._core.unload(name, version)

    def set_asleep(self, name: str, version: int, refusal: str = "") -> None:
        """The version is known, and loaded when a request asks for it, which `take_wakes` tells.

        One that is loaded is unloaded; what it accepted is answered. With `refusal`, requests that
        wait for it are refused so.
        """
        with _engine_errors():
            self._core.set_asleep(name, version, refusal)

    @property
    def wakes_fd(self) -> int:
        """A file descriptor that is readable while requests wait that nobody has taken."""
        return self._core.wakes_fd

    def take_wakes(self) -> set[tuple[str, int]]:
        """Models and versions that requests wait for, since the last time."""
        return set(self._core.take_wakes())

    def uses(self) -> list[VersionUse]:
        """How much each loaded version is used."""
        return [
            VersionUse(model=model, version=version, last_ms=last_ms, calls=calls)
            for model, version, last_ms, calls in self._core.uses()
        ]

    def trim_memory(self) -> None:
        """Gives memory that unloaded models left free back to the system; blocks."""
        self._core.trim_memory()

    def set_ready(self, is_ready: bool) -> None:
        """What ServerReady and the health check say, unless the engine is draining."""
        self._core.set_ready(is_ready)

    def install_signal_handlers(self) -> None:
        """SIGTERM and SIGINT start the drain, also while Python cannot run.

        A second signal, or the end of the exit timeout, ends the process at once.
        """
        self._core.install_signal_handlers()

    @property
    def bridge(self) -> CallBridge:
        """The calls of hosted services, for `penstock.hosting`."""
        return self._core.bridge

    @property
    def log_fd(self) -> int:
        """A file descriptor that is readable while lines of the core's log wait."""
        return self._core.log_fd

    def pass_on_log(self) -> None:
        """Writes the lines of the core's log that wait to this module's logger."""
        for level, event, fields in self._core.take_log():
            log.log(LOG_LEVELS[level], event, extra=fields)

    def drain(self) -> None:
        """Starts a graceful drain, as SIGTERM does. Returns at once."""
        self._core.drain()

    @property
    def drained_fd(self) -> int:
        """A file descriptor that becomes readable when the drain is complete."""
        return self._core.drained_fd

    @property
    def is_draining(self) -> bool:
        """Whether a drain has begun."""
        return self._core.is_draining

    def stop(self) -> None:
        """Ends and joins every native thread. Must be called before the interpreter ends."""
        self._core.stop()

    def metrics_text(self) -> str:
        """The core's counters in Prometheus' text format."""
        return self._core.metrics_text()

    def statistics(self, model: str = "") -> list[VersionStatistics]:
        """Of the loaded versions of `model`, or of all models: by name and number."""
        return [_version_statistics(told) for told in self._core.statistics(model)]

    def register_region(self, name: str, key: str, offset: int, byte_size: int) -> None:
        """Lets requests name a part of an object in `/dev/shm`."""
        with _engine_errors():
            self._core.register_region(name, key, offset, byte_size)

    def unregister_region(self, name: str) -> None:
        """Forgets a region; an empty name means all. Requests that use it keep it."""
        with _engine_errors():
            if name:
                self._core.unregister_region(name)
            else:
                self._core.unregister_regions()

    def regions(self, name: str = "") -> list[tuple[str, str, int, int]]:
        """Name, key, offset and size of what is registered; an empty name means all."""
        with _engine_errors():
            return self._core.regions(name)


def isa() -> str:
    """The best instruction set this machine has, e.g. "avx512_vnni"."""
    return _core.isa()


@contextmanager
def _engine_errors() -> Iterator[None]:
    try:
        yield
    except _core.CoreError as error:
        raise EngineError(str(error), code=error.code) from None


def _loaded_version(told: LoadedModel) -> LoadedVersion:
    return LoadedVersion(
        name=told.name,
        version=told.version,
        inputs=tensor_plans(told.inputs),
        outputs=tensor_plans(told.outputs),
        batch_rows_max=told.batch_rows_max,
        lane=told.lane,
        row_cost_us=told.row_cost_us,
    )


def _version_statistics(told: _core.VersionStatistics) -> VersionStatistics:
    def time(pair: tuple[int, int]) -> CountedTime:
        return CountedTime(count=pair[0], ns=pair[1])

    return VersionStatistics(
        model=told.model,
        version=told.version,
        last_inference_ms=told.last_inference_ms,
        inference_count=told.inference_count,
        execution_count=told.execution_count,
        success=time(told.success),
        fail=time(told.fail),
        queue=time(told.queue),
        compute_input=time(told.compute_input),
        compute_infer=time(told.compute_infer),
        compute_output=time(told.compute_output),
        batch_sizes=tuple(
            BatchSizeStatistics(
                rows=rows,
                count=count,
                compute_input_ns=input_ns,
                compute_infer_ns=infer_ns,
                compute_output_ns=output_ns,
            )
            for rows, count, input_ns, infer_ns, output_ns in told.batch_sizes
        ),
    )


def _engine_options(
    options: ServerOptions, library: OnnxRuntimeLibrary | None, metrics: MetricSettings
) -> _core.EngineOptions:
    made = _core.EngineOptions()
    made.grpc_address = options.grpc_address
    made.grpc_port = options.grpc_port if options.allow_grpc else None
    made.is_grpc_port_shared = options.reuse_grpc_port
    made.rest_address = options.http_address
    made.rest_port = options.http_port if options.allow_http else None
    made.is_rest_port_shared = options.reuse_http_port
    made.rest_body_bytes_max = options.http_max_input_size
    made.grpc_forward_pattern = options.grpc_header_forward_pattern
    made.rest_forward_pattern = options.http_header_forward_pattern
    made.rest_idle_timeout_ms = options.http_idle_timeout_ms
    made.io_threads = options.grpc_infer_thread_count
    made.message_bytes_max = options.message_bytes_max
    made.inflight_bytes_max = options.inflight_bytes_max
    made.connections_max = options.connections_max
    made.concurrent_streams_max = options.grpc_concurrent_streams_max
    made.hosted_calls_max = options.grpc_service_calls_max
    made.compression_level = options.grpc_infer_response_compression_level
    made.keepalive_time_ms = options.grpc_keepalive_time
    made.keepalive_timeout_ms = options.grpc_keepalive_timeout
    made.keepalive_permit_without_calls = options.grpc_keepalive_permit_without_calls
    made.connection_age_max_ms = options.grpc_max_connection_age
    made.connection_age_grace_ms = options.grpc_max_connection_age_grace
    made.header_timeout_ms = options.grpc_header_timeout_ms
    made.stall_timeout_ms = options.grpc_stall_timeout_ms
    made.drain_delay_ms = round(options.drain_delay_secs * 1000)
    made.exit_timeout_ms = round(options.exit_timeout_secs * 1000)
    made.server_name = options.id
    made.server_version = __version__
    made.extensions = list(EXTENSIONS)
    made.has_metric_counters = metrics.has_counters
    made.has_metric_histograms = metrics.has_histograms
    made.metric_quantiles = list(metrics.quantiles) if metrics.has_summaries else []
    made.has_cpu_metrics = options.allow_metrics and options.allow_cpu_metrics
    made.has_gpu_metrics = options.allow_metrics and options.allow_gpu_metrics
    made.metrics_interval_ms = options.metrics_interval_ms
    made.allow_client_shm = options.allow_client_shm
    made.client_shm_regions_max = options.client_shm_regions_max
    made.onnxruntime_library = str(library.path) if library else ""
    made.preload_libraries = [str(path) for path in library.preload] if library else []
    return made
