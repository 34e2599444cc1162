"""The native core: the engine that answers requests, and the values it is configured with.

Few modules import it (tests/architecture), and give these types to the rest of the house.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from typing_extensions import Buffer

from penstock._core.drift import Drift
from penstock._core.loading import UnservedVersion
from penstock._core.traffic import Traffic

class CoreError(Exception):
    """A failure the core reports."""

    code: str  # gRPC's name of the kind, e.g. "INVALID_ARGUMENT"
    stage: str  # how far a load came: "smoke" or "warmup" if it failed in these, else ""

class TensorSpec:
    """What a model expects or gives under one name.

    `dims` leaves out the batch dimension where the model batches; -1 is any size.
    `datatype` is the V2 protocol's name, e.g. "FP32".
    """

    name: str
    datatype: str
    dims: list[int]
    is_optional: bool
    reshape: list[int] | None  # the dims that the model has for it, where they differ
    def __init__(
        self,
        name: str,
        datatype: str,
        dims: Sequence[int],
        is_optional: bool = False,
        reshape: Sequence[int] | None = None,
    ) -> None: ...

class OrtOptions:
    """How a model's ONNX Runtime sessions are made."""

    intra_op_threads: int  # 1
    inter_op_threads: int  # 1
    is_parallel: bool  # False: operators run one after another
    graph_level: int  # 99 = all; 0 none, 1 basic, 2 extended
    providers: list[tuple[str, dict[str, str]]]  # in order of preference; empty: CPU
    has_arena: bool  # True: keeps freed memory for the next run
    has_memory_plan: bool  # True: remembers a shape's allocations
    config_entries: dict[str, str]  # session config entries, passed on as they are
    run_entries: dict[str, str]  # config entries of each run
    def __init__(self) -> None: ...

class QueueOptions:
    """How requests wait for an execution. Durations in microseconds."""

    preferred_batch_sizes: list[int]  # empty: any size goes
    delay_max_us: int  # 0: a free instance takes what is there
    tickets_max: int  # 0: the core's own bound
    default_timeout_us: int  # 0: none
    is_timeout_delay: bool  # False: a timed-out request is refused; True: served last
    allows_timeout: bool  # False: requests have no say; True: they may shorten their own wait
    def __init__(self) -> None: ...

class WarmupInput:
    """A tensor of a warm-up request: `dims` leaves out the batch dimension.

    `source` is "zero", "random" or "file"; then `bytes` are one request's tensor in its raw form.
    """

    def __init__(
        self, name: str, datatype: str, dims: Sequence[int], source: str, bytes: bytes = b""
    ) -> None: ...

class Warmup:
    """A batch of `rows` equal requests that each instance executes `count` times at load."""

    def __init__(self, name: str, rows: int, count: int, inputs: Sequence[WarmupInput]) -> None: ...

class SmokeTensor:
    """A tensor of a smoke request or its answer, whole and in its raw form."""

    def __init__(self, name: str, datatype: str, shape: Sequence[int], bytes: bytes) -> None: ...

class Smoke:
    """A request, what must be answered, and by how much floats may differ, relative to them."""

    def __init__(
        self, inputs: Sequence[SmokeTensor], expected: Sequence[SmokeTensor], tolerance: float
    ) -> None: ...

class WorkerOptions:
    """How a Python model runs in processes of its own, one per instance. 0: no bound."""

    command: list[str]  # finds its socket, requests and answers as descriptors 3, 4 and 5
    document: str  # what it is told to load
    batch_ms_max: int
    load_ms_max: int
    memory_bytes_max: int  # resident, of each process
    shared_bytes_max: int  # of a batch's inputs, and of its outputs
    def __init__(self) -> None: ...

class ModelSpec:
    """Everything the core needs to load one version."""

    name: str
    version: int
    platform: str  # what ModelMetadata calls it, e.g. "onnxruntime_onnx"
    backend: str  # "onnxruntime", "native", "identity" or "python"
    model_path: str  # of the .onnx or .pnst file; unused by the others
    batch_rows_max: int | None  # the configuration's max_batch_size; None: not configured
    batch_rows_default: int  # used when not configured and the graph's first dims are all dynamic
    inputs: list[TensorSpec]  # as configured; empty: read from the graph
    outputs: list[TensorSpec]
    instance_count: int
    lane: str  # "auto", "inline" or "batch"
    queue: QueueOptions
    ort: OrtOptions
    native_threads: int  # that compute a large batch of backend "native"; 0: as many as pay
    smoke: Smoke | None  # executed by each instance before warm-up
    warmups: list[Warmup]  # in order; one that fails fails the load
    labels: dict[str, list[bytes]]  # of outputs: the names of their classes
    # backend "python": one per instance, called as
    # execute(inputs: dict[str, numpy array or None], request_rows: list[int])
    #   -> dict[str, numpy array], once per batch, with read-only views of the batch buffers.
    # BYTES tensors come and go as object arrays of bytes.
    # One whose attribute `sees_requests` is true is called with a third argument, `facts`: what
    # each request says beside its tensors, JSON as cpp/serving/request_facts.h has it, "" where it
    # says nothing, or None where none says anything. It gives a list with an answer to each
    # request: a list with an array for each output, or None for one that was not asked for; or a
    # tuple of gRPC's number of a failure and a sentence.
    # One that has `close` is closed when the version is taken apart.
    python_executes: list[Callable[..., Any]]
    properties: list[tuple[str, str]]  # of its metadata
    tensor_parameters: list[tuple[str, str, str]]  # of its metadata: tensor, name, value
    worker: WorkerOptions | None  # backend "python": in processes instead; no python_executes then
    metric_tags: list[tuple[str, str]]  # labels that its metrics have besides model and version
    # Upper bounds of its histograms: request, queue, compute input, infer, output. Empty: powers
    # of two.
    metric_bounds_ns: list[list[int]]
    load_began_ns: int  # on the monotonic clock, where loading began before; 0: it begins now
    def __init__(self, name: str, version: int, backend: str) -> None: ...

class EngineOptions:
    """What an engine listens on and the bounds it keeps. Durations in milliseconds."""

    grpc_address: str  # "0.0.0.0"
    grpc_port: int | None  # 8001; 0: one the system chooses; None: gRPC is not served
    is_grpc_port_shared: bool  # SO_REUSEPORT
    rest_address: str  # "0.0.0.0"
    rest_port: int | None  # None: REST is not served
    is_rest_port_shared: bool
    rest_body_bytes_max: int  # of one request, as sent and after decompression
    grpc_forward_pattern: str  # of metadata that models are told; "": none
    rest_forward_pattern: str  # of HTTP fields, likewise
    rest_idle_timeout_ms: int  # of an HTTP/1.1 connection; 0: no bound
    io_threads: int
    message_bytes_max: int  # of one request, after decompression
    inflight_bytes_max: int  # received and not yet answered, all connections of one io thread
    connections_max: int
    concurrent_streams_max: int  # per connection
    hosted_calls_max: int  # calls of hosted services open at a time
    compression_level: str  # of answers: "none", "low", "medium", "high"
    keepalive_time_ms: int
    keepalive_timeout_ms: int
    keepalive_permit_without_calls: bool
    connection_age_max_ms: int  # 0: no maximum
    connection_age_grace_ms: int
    header_timeout_ms: int  # 0: no bound
    stall_timeout_ms: int  # 0: no bound
    drain_delay_ms: int
    exit_timeout_ms: int
    server_name: str  # "triton": clients assert it
    server_version: str
    extensions: list[str]
    onnxruntime_library: str  # of the installed wheel; "": no such backend
    preload_libraries: list[str]  # opened before it, for GPU builds
    has_metric_counters: bool  # of durations, as the two below
    has_metric_histograms: bool
    metric_quantiles: list[float]  # of summaries; empty: none
    has_cpu_metrics: bool  # of the machine, as GPUs
    has_gpu_metrics: bool
    metrics_interval_ms: int  # that a reading of the machine is good for
    allow_client_shm: bool
    client_shm_regions_max: int
    def __init__(self) -> None: ...

class ControlBridge:
    """Calls of hosted services: bytes from their peers, bytes to them. For one Python thread.

    What the verbs say is gathered, and done from `flush` on; to a call that is gone, nothing.
    Metadata are pairs of a lower-case name and a value: bytes where the name ends in "-bin",
    otherwise text.
    """

    @property
    def fd(self) -> int:
        """A file descriptor that is readable while events wait."""

    def host(self, paths: Sequence[str], takes_any: bool) -> None:
        """From now on calls of these methods ("/package.Service/Method") come here.

        `takes_any`: those of all methods that the core does not answer itself.
        """

    def take(self) -> list[tuple[Any, ...]]:
        """The events that wait: a kind, a call's number, and what the kind brings.

        0  begin: path, metadata, deadline in seconds of time.monotonic() or None, the peer's
           address, names of the encodings it accepts besides identity
        1  message: bytes, whether they came compressed
        2  half-close: the peer sends no more messages
        3  written: bytes of messages that have left, 256 more counted for each message
        4  end, each call's last event: gRPC's number of the status, details
        """

    def send_headers(
        self, call: int, metadata: Iterable[tuple[str, str | bytes]], encoding: str
    ) -> None:
        """Initial metadata, and the encoding of compressed messages; without it both are empty."""

    def send_message(self, call: int, message: bytes, is_compressed: bool) -> None:
        """`is_compressed`: in the headers' encoding, if that saves a byte."""

    def consumed(self, call: int, messages: int, size: int) -> None:
        """So many messages, of `size` bytes together, need no more room: the peer may go on."""

    def finish(
        self, call: int, code: int, details: str, metadata: Iterable[tuple[str, str | bytes]]
    ) -> None:
        """The call's status and trailing metadata, behind all messages.

        Raises CoreError INVALID_ARGUMENT if `code` is none of gRPC's.
        """

    def flush(self) -> bool:
        """Hands over what was said since the last time. False: some waits; call it again soon."""

class VersionStatistics:
    """What a loaded version has counted since it was loaded.

    A pair is how often something happened and its nanoseconds together.
    """

    @property
    def model(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def last_inference_ms(self) -> int:
        """When a batch was last executed, since 1970; 0: never."""

    @property
    def inference_count(self) -> int:
        """Rows of requests that succeeded."""

    @property
    def execution_count(self) -> int:
        """Batches that succeeded."""

    @property
    def success(self) -> tuple[int, int]: ...
    @property
    def fail(self) -> tuple[int, int]: ...
    @property
    def queue(self) -> tuple[int, int]: ...
    @property
    def compute_input(self) -> tuple[int, int]: ...
    @property
    def compute_infer(self) -> tuple[int, int]: ...
    @property
    def compute_output(self) -> tuple[int, int]: ...
    @property
    def batch_sizes(self) -> list[tuple[int, int, int, int, int]]:
        """By rows: these, executions, nanoseconds of input, of inference and of output.

        Rows 0: sizes that were one too many to be told apart.
        """

class Engine:
    """The server's native side. Every method may be called from any Python thread."""

    def __init__(self, options: EngineOptions) -> None: ...
    def start(self) -> None:
        """Listens and starts the io threads. Raises CoreError UNAVAILABLE if the port is taken."""

    @property
    def grpc_port(self) -> int: ...
    @property
    def rest_port(self) -> int: ...
    def prepare(self, spec: ModelSpec) -> UnservedVersion:
        """Loads and warms one version; blocks, without the interpreter's lock.

        Raises CoreError with a sentence that says what is wrong with the model or its
        configuration.
        """

    def set_failed(self, name: str, version: int, reason: str) -> None:
        """ModelReady answers false and ModelInfer UNAVAILABLE, both with this reason."""

    def unload(self, name: str, version: int) -> None:
        """Takes a version out of service; requests already accepted are answered."""

    def set_asleep(self, name: str, version: int, refusal: str = "") -> None:
        """The version is known, and loaded when a request asks for it, which `take_wakes` tells.

        One that is loaded is unloaded. With `refusal`, requests that wait for it are refused so.
        """

    @property
    def wakes_fd(self) -> int:
        """A file descriptor that is readable while requests wait that nobody has taken."""

    def take_wakes(self) -> list[tuple[str, int]]:
        """Models and versions that requests wait for, once for each request."""

    def uses(self) -> list[tuple[str, int, int, int]]:
        """Of every loaded version: model, version, milliseconds since 1970 of its last inference
        (0: none yet), calls that are under way.
        """

    def trim_memory(self) -> None:
        """Gives free memory back to the system; blocks, without the interpreter's lock."""

    def set_ready(self, is_ready: bool) -> None:
        """What ServerReady and the health check say, unless the engine is draining."""

    def install_signal_handlers(self) -> None:
        """SIGTERM and SIGINT start the drain, natively: also while Python cannot run.

        A second signal, or the end of the exit timeout, ends the process at once.
        """

    def drain(self) -> None:
        """Starts a graceful drain, as SIGTERM does. Returns at once."""

    @property
    def drained_fd(self) -> int:
        """A file descriptor that becomes readable when the drain is complete."""

    @property
    def is_draining(self) -> bool: ...
    def stop(self) -> None:
        """Ends every thread of the engine and joins them, without the interpreter's lock."""

    @property
    def bridge(self) -> ControlBridge:
        """The calls that Python answers. Lives as long as the engine."""

    @property
    def log_fd(self) -> int:
        """A file descriptor that is readable while lines of the core's log wait."""

    def take_log(self) -> list[tuple[str, str, dict[str, str]]]:
        """The waiting lines: level ("info", "warning", "error"), event, fields."""

    def metrics_text(self) -> str:
        """Prometheus text exposition of all counters."""

    def statistics(self, model: str) -> list[VersionStatistics]:
        """Of the loaded versions of `model`, or of all models if it is empty: by name, number."""

    # Memory that clients share. Each raises CoreError UNAVAILABLE unless allow_client_shm.
    def register_region(self, name: str, key: str, offset: int, byte_size: int) -> None:
        """Opens a part of an object of /dev/shm. Raises CoreError if it may not or cannot be."""

    def unregister_region(self, name: str) -> None:
        """Requests that use the region keep it; a name that is not registered is no error."""
    def unregister_regions(self) -> None: ...
    def regions(self, name: str) -> list[tuple[str, str, int, int]]:
        """Name, key, offset and size of one region; of all for an empty name. NOT_FOUND: none."""

    @property
    def traffic(self) -> Traffic: ...
    @property
    def drift(self) -> Drift: ...

class NativeModel:
    """A compiled model without a server. Any thread may run it, at the same time as others."""

    def __init__(self, path: str, onnxruntime_library: str = "", threads: int = 0) -> None:
        """Reads and checks the file. Raises CoreError with a sentence.

        `threads` compute a large batch where that pays, the caller's included; 0: one per core.
        `onnxruntime_library`: the path of libonnxruntime.so, for a model of which a part did not
        compile; it is not opened for others.
        """

    @property
    def inputs(self) -> list[TensorSpec]: ...
    @property
    def outputs(self) -> list[TensorSpec]: ...
    def run(self, rows: int, arrays: Sequence[npt.NDArray[Any]]) -> list[npt.NDArray[Any]]:
        """Computes the outputs, in order, without the interpreter's lock.

        `arrays` are C-contiguous and hold so many rows of each input, in order and in its datatype:
        nothing but their bytes is looked at. Of BYTES they are the elements, each behind its length
        as a little-endian uint32. BYTES come back as object arrays of bytes.
        Raises CoreError INVALID_ARGUMENT for a number of bytes that does not fit.
        """

    def least_ns(self, rows: int, arrays: Sequence[npt.NDArray[Any]], seconds: float) -> float:
        """Nanoseconds that `run` takes with these arrays, without what Python adds: the least of
        many short trials, which go on for `seconds`.
        """

class LocalModel:
    """The executors of a ModelSpec without a server. Any thread may run them."""

    def __init__(
        self, spec: ModelSpec, onnxruntime_library: str = "", preload_libraries: Sequence[str] = ...
    ) -> None:
        """Loads; blocks, without the interpreter's lock. Raises CoreError with a sentence."""

    @property
    def inputs(self) -> list[TensorSpec]: ...
    @property
    def outputs(self) -> list[TensorSpec]: ...
    @property
    def batch_rows_max(self) -> int:
        """0: the first of the dims is that of the rows, if there is one."""

    @property
    def instances(self) -> int:
        """Calls that may run at a time, each with a number of its own; 0: any."""

    @property
    def reads_columns(self) -> bool:
        """Whether run_columns() may be called: native, of one input and outputs of numbers."""

    def run_columns(
        self, rows: int, columns: Sequence[TableColumn]
    ) -> tuple[list[Any], list[tuple[int, int, str]]]:
        """Each output, and the rows that do not fit, as gather_rows() tells them."""

    def run(self, rows: int, arrays: Sequence[npt.NDArray[Any]], instance: int = 0) -> list[Any]:
        """Each output: an array, or of BYTES its shape, and offsets and texts as Arrow has them.

        The arrays are as NativeModel.run() takes them. Raises CoreError.
        """

class TableColumn:
    """A column of a table, as Arrow lays it out. Keeps its buffers."""

    def __init__(
        self,
        datatype: str,
        rows: int,
        first: int,
        values: Buffer,
        texts: Buffer | None = None,
        validity: Buffer | None = None,
    ) -> None:
        """`rows` elements from the one numbered `first` on.

        `datatype`: of numbers V2's; BOOL: bits; TEXT and LARGE_TEXT: `values` are offsets into
        `texts`, of 32 and 64 bits. `validity`: a bit for each element. Raises CoreError if a
        buffer is too small, or an offset leads out of the texts.
        """

def gather_rows(
    columns: Sequence[TableColumn], rows: int, datatype: str
) -> tuple[npt.NDArray[Any], list[tuple[int, int, str]]]:
    """Rows of `datatype`, and of each that does not fit its number, the column's number, and why:
    "missing", "no_number", "fraction" or "range". What does not fit is 0.
    """

def encode_texts(column: TableColumn, rows: int) -> npt.NDArray[np.uint8]:
    """Each text behind its length, as run() reads BYTES."""

def isa() -> str:
    """The best instruction set this machine has, e.g. "avx512_vnni"."""
