# SPDX-License-Identifier: Apache-2.0
"""From a model's configuration to the plan of what to load. Pure: files and machine are arguments.

Raises RepositoryError, with a sentence that names the field, for a configuration that contradicts
itself, the files or the machine.
"""

from collections.abc import Collection
from dataclasses import dataclass

from penstock.errors import RepositoryError, UnsupportedError
from penstock.repository.config_file import ModelConfig, WrittenConfig
from penstock.repository.instances import Machine, instance_count, wants_gpu
from penstock.repository.isolation import BOUNDS, ISOLATION_KEY, isolation_plan
from penstock.repository.layout import FoundModel
from penstock.repository.metric_fields import metric_buckets, metric_tags
from penstock.repository.missing_backends import missing_backend, missing_platform
from penstock.repository.notes import PROPERTY_PREFIX, TENSOR_PREFIX, notes_plan
from penstock.repository.onnxruntime import session_plan
from penstock.repository.parameters import choice, refuse_unknown, whole_number
from penstock.repository.plan import ModelPlan, QueuePlan, SessionPlan, TensorPlan
from penstock.repository.warmup import label_files, warmup_plans
from penstock_client._proto.model_config_pb2 import DataType, ModelInput, ModelOutput

__all__ = ["LANE_KEY", "LOAD_KEY", "LOAD_MODES", "translate"]

LANE_KEY = "penstock.lane"
LANES = ("auto", "inline", "batch")
#: Triton's: an archive that conda-pack made.
ENVIRONMENT_KEY = "EXECUTION_ENV_PATH"
#: When a version is loaded; read before there is a plan.
LOAD_KEY = "penstock.load"
LOAD_MODES = ("eager", "lazy")
#: How many threads compute a large batch of a compiled model.
THREADS_KEY = "penstock.threads"
THREADS_MAX = 256
OWN_PARAMETERS = (LANE_KEY, THREADS_KEY, LOAD_KEY, ISOLATION_KEY, *BOUNDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """What is known about a backend before a model of it is opened."""

    platform: str
    file: str | None  # what it loads when the configuration names no file
    knows_tensors: bool  # reads inputs and outputs from the model; else they must be configured
    others: tuple[str, ...] = ()  # what it loads where that file is missing, the first there is


#: A folder that holds a compiled model beside what it was compiled from is served by the first.
BACKENDS = {
    "native": Backend(
        platform="native",
        file="model.pnst",
        knows_tensors=True,
        others=("model.onnx", "model.txt", "model.json", "model.ubj"),
    ),
    "onnxruntime": Backend(platform="onnxruntime_onnx", file="model.onnx", knows_tensors=True),
    "python": Backend(platform="python", file="model.py", knows_tensors=False),
    "identity": Backend(platform="identity", file=None, knows_tensors=False),
}


def translate(
    model: FoundModel,
    version: int,
    written: WrittenConfig,
    *,
    files: Collection[str],
    machine: Machine,
    batch_rows_default: int,
    is_completing: bool = True,
) -> ModelPlan:
    """The plan for `version` of `model`. `files` are the names in that version's folder.

    `is_completing`: inputs and outputs that the configuration leaves out are found in the model.
    """
    config = written.config
    refuse_unknown(config.parameters, OWN_PARAMETERS, (PROPERTY_PREFIX, TENSOR_PREFIX))
    name = backend_name(config, files)
    backend = BACKENDS[name]
    if name == "python":
        _refuse_environment(config)
    is_native_graph = name == "onnxruntime"
    on_gpu = is_native_graph and wants_gpu(config, machine)
    inputs = tuple(_input(tensor) for tensor in config.input)
    outputs = tuple(_output(tensor) for tensor in config.output)
    folder = written.folder or model.folder
    _check_tensors(config, name, backend, is_completing=is_completing)
    batch_rows_max = _batch_rows_max(written, backend)
    return ModelPlan(
        name=model.name,
        version=version,
        platform=backend.platform,
        backend=name,
        model_path=model.version_folder(version) / _file_name(config, backend, files),
        batch_rows_max=batch_rows_max,
        batch_rows_default=batch_rows_default,
        inputs=inputs,
        outputs=outputs,
        instance_count=instance_count(config),
        lane=choice(config.parameters, LANE_KEY, LANES, default="auto"),
        queue=_queue(config, batch_rows_max),
        session=session_plan(config, on_gpu=on_gpu) if is_native_graph else SessionPlan(),
        native_threads=_native_threads(config, name),
        notes=notes_plan(config.parameters),
        isolation=isolation_plan(config.parameters, name),
        label_files=label_files(config, folder),
        warmups=warmup_plans(config, folder),
        metric_tags=metric_tags(config),
        metric_buckets=metric_buckets(config),
    )


def backend_name(config: ModelConfig, files: Collection[str]) -> str:
    """The backend that `config` names, or that the files of a version give away."""
    if config.backend:
        if config.backend in BACKENDS:
            return config.backend
        raise missing_backend(config.backend, BACKENDS)
    if config.platform:
        for name, backend in BACKENDS.items():
            if config.platform == backend.platform:
                return name
        platforms = [backend.platform for backend in BACKENDS.values()]
        raise missing_platform(config.platform, platforms)
    suffix = config.default_model_filename.rpartition(".")[2]
    for name, backend in BACKENDS.items():
        if backend.file and (backend.file in files or suffix == backend.file.rpartition(".")[2]):
            return name
    found = ", ".join(sorted(files)) or "nothing"
    raise RepositoryError(
        f"The version's folder holds {found}: wanted model.onnx, model.pnst or model.py, or a "
        "`backend` in config.pbtxt."
    )


def _native_threads(config: ModelConfig, backend: str) -> int:
    """0, which is as many as pay, where the configuration says nothing."""
    if THREADS_KEY not in config.parameters:
        return 0
    if backend != "native":
        raise RepositoryError(
            f"parameters.{THREADS_KEY} is of models of backend native, and this one's is "
            f"{backend}: leave it out; ONNX Runtime reads intra_op_thread_count."
        )
    threads = whole_number(config.parameters, THREADS_KEY, default=0)
    if not 1 <= threads <= THREADS_MAX:
        raise RepositoryError(
            f"parameters.{THREADS_KEY} is {threads}: wanted 1 to {THREADS_MAX}, or to leave it "
            "out, for as many as pay."
        )
    return threads


def _refuse_environment(config: ModelConfig) -> None:
    if ENVIRONMENT_KEY in config.parameters:
        raise UnsupportedError(
            f"parameters.{ENVIRONMENT_KEY} is set, but packed conda environments are not unpacked "
            "by this server: install what the model imports beside the server, and leave the "
            "parameter out."
        )


def _file_name(config: ModelConfig, backend: Backend, files: Collection[str]) -> str:
    name = config.default_model_filename or backend.file
    if name is None:
        return ""
    if "/" in name or name in (".", ".."):
        raise RepositoryError(
            f"default_model_filename is {name!r}: wanted a file's name, without folders."
        )
    if not config.default_model_filename and name not in files:
        name = next((other for other in backend.others if other in files), name)
    if name not in files:
        found = ", ".join(sorted(files)) or "nothing"
        wanted = name
        if backend.others and not config.default_model_filename:
            wanted += f", or one of {', '.join(backend.others)} to compile"
        raise RepositoryError(f"The version's folder holds {found}: wanted {wanted}.")
    return name


def _batch_rows_max(written: WrittenConfig, backend: Backend) -> int | None:
    rows = written.config.max_batch_size
    if rows < 0:
        raise RepositoryError(f"max_batch_size is {rows}: wanted 0, for no batching, or more.")
    # Whoever writes dimensions without a batch size writes whole shapes: they have no batch.
    if written.has_batch_size or written.config.input or not backend.knows_tensors:
        return rows
    return None


def _queue(config: ModelConfig, batch_rows_max: int | None) -> QueuePlan:
    batching = config.dynamic_batching
    sizes = tuple(sorted(set(batching.preferred_batch_size)))
    if sizes and sizes[0] < 1:
        raise RepositoryError(
            f"dynamic_batching.preferred_batch_size is {sizes[0]}: wanted at least 1."
        )
    if sizes and batch_rows_max is not None and sizes[-1] > batch_rows_max:
        raise RepositoryError(
            f"dynamic_batching.preferred_batch_size is {sizes[-1]}: wanted at most max_batch_size, "
            f"which is {batch_rows_max}."
        )
    policy = batching.default_queue_policy
    return QueuePlan(
        preferred_batch_sizes=sizes,
        delay_max_us=batching.max_queue_delay_microseconds,
        tickets_max=policy.max_queue_size,
        default_timeout_us=policy.default_timeout_microseconds,
        is_timeout_delay=policy.timeout_action == policy.DELAY,
        allows_timeout=policy.allow_timeout_override,
    )


def _input(tensor: ModelInput) -> TensorPlan:
    return TensorPlan(
        name=tensor.name,
        datatype=_datatype(tensor, "input"),
        dims=_dims(tensor, "input"),
        is_optional=tensor.optional,
        reshape=_reshape(tensor, "input"),
    )


def _output(tensor: ModelOutput) -> TensorPlan:
    return TensorPlan(
        name=tensor.name,
        datatype=_datatype(tensor, "output"),
        dims=_dims(tensor, "output"),
        reshape=_reshape(tensor, "output"),
    )


def _datatype(tensor: ModelInput | ModelOutput, kind: str) -> str:
    name = DataType.Name(tensor.data_type).removeprefix("TYPE_")
    if name == "INVALID":
        raise RepositoryError(f"{kind} {tensor.name!r} has no data_type, such as TYPE_FP32.")
    return "BYTES" if name == "STRING" else name


def _dims(tensor: ModelInput | ModelOutput, kind: str) -> tuple[int, ...]:
    for size in tensor.dims:
        if size < 1 and size != -1:
            raise RepositoryError(
                f"{kind} {tensor.name!r} has dims {list(tensor.dims)}: wanted sizes of at least 1, "
                "or -1 for any."
            )
    return tuple(tensor.dims)


def _reshape(tensor: ModelInput | ModelOutput, kind: str) -> tuple[int, ...] | None:
    if not tensor.HasField("reshape"):
        return None
    shape = tuple(tensor.reshape.shape)
    if any(size < 1 and size != -1 for size in shape):
        raise RepositoryError(
            f"{kind} {tensor.name!r} has reshape {list(shape)}: wanted sizes of at least 1, "
            "or -1 for any."
        )
    return shape


def _check_tensors(
    config: ModelConfig, name: str, backend: Backend, *, is_completing: bool
) -> None:
    for kind, tensors in (("input", config.input), ("output", config.output)):
        names = [tensor.name for tensor in tensors]
        if "" in names:
            raise RepositoryError(f"An {kind} of the configuration has no name.")
        if len(set(names)) < len(names):
            twice = next(one for one in names if names.count(one) > 1)
            raise RepositoryError(f"The configuration has two {kind}s called {twice!r}.")
        if not names and not backend.knows_tensors:
            raise RepositoryError(
                f"A model of the {name} backend does not show its {kind}s: "
                f"wanted at least one `{kind}` in config.pbtxt."
            )
        if not names and not is_completing:
            raise RepositoryError(
                f"The configuration lists no {kind}, and --disable-auto-complete-config is set: "
                f"wanted every `{kind}` with its data_type and dims, and max_batch_size if the "
                "model batches; or leave that option out."
            )
