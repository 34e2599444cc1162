# SPDX-License-Identifier: Apache-2.0
"""A model written in Python: from the path of its model.py to the callables the core enters."""

import hashlib
import importlib
import importlib.util
import logging
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from penstock.backend import Batch, Context
from penstock.backends import triton_python_backend_utils
from penstock.backends.triton.current import RunningModel, entered
from penstock.backends.triton.failures import sentence_of
from penstock.backends.triton.instance import CLASS_NAME, TritonInstance
from penstock.errors import BackendError
from penstock.repository.config_file import ModelConfig
from penstock.repository.plan import ModelPlan, TensorPlan

__all__ = [
    "Arrays",
    "Execute",
    "Instance",
    "NUMPY_TYPES",
    "TritonInstance",
    "forget_modules",
    "python_execute",
    "python_executes",
    "running_model",
    "triton_class",
]

log = logging.getLogger(__name__)

Arrays = Mapping[str, NDArray[Any] | None]
Execute = Callable[[Arrays, Sequence[int]], dict[str, NDArray[Any]]]
#: What the core enters for one instance; a TritonInstance is told more and answers otherwise.
Instance = Execute | TritonInstance

MODULE_PREFIX = "penstock_model_"
UTILS_NAME = "triton_python_backend_utils"

#: One model's code is imported at a time: files that lie beside two of them may have one name.
_importing = threading.Lock()

#: Datatype -> what numpy calls it. BF16 has no name there and travels as 16-bit patterns.
NUMPY_TYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "FP16": np.dtype(np.float16),
    "BF16": np.dtype(np.uint16),
    "FP32": np.dtype(np.float32),
    "FP64": np.dtype(np.float64),
    "BYTES": np.dtype(np.object_),
} | {
    f"{kind.upper()}{bits}": np.dtype(f"{kind}{bits}")
    for kind in ("int", "uint")
    for bits in (8, 16, 32, 64)
}


class PythonModel(Protocol):
    """What a model's class has."""

    def execute(self, batch: Batch) -> Mapping[str, Any]:
        """Computes every output of the batch."""


def python_executes(plan: ModelPlan, config: ModelConfig) -> list[Instance]:
    """One callable per instance of the plan: imports the file, makes and loads the objects.

    Raises BackendError if the file has not exactly one class with `execute`, or if its code fails.
    """
    module = _imported(plan)
    made: list[Instance] = []
    try:
        for instance in range(plan.instance_count):
            made.append(_instance(module, plan, config, instance))
    except BaseException:
        for one in made:
            if isinstance(one, TritonInstance):
                one.close()
        raise
    return made


def python_execute(plan: ModelPlan, config: ModelConfig, instance: int) -> Instance:
    """The same for one of the instances, counted from 0."""
    return _instance(_imported(plan), plan, config, instance)


def triton_class(plan: ModelPlan) -> Any:
    """The TritonPythonModel of the plan's file, which is imported; None if it has none."""
    return getattr(_imported(plan), CLASS_NAME, None)


def _instance(module: ModuleType, plan: ModelPlan, config: ModelConfig, instance: int) -> Instance:
    if (for_triton := getattr(module, CLASS_NAME, None)) is not None:
        return _triton_instance(for_triton, plan, config, instance)
    model_class = _model_class(module, plan)
    context = Context(
        model=plan.name,
        version=plan.version,
        folder=plan.model_path.parent,
        config=config,
        instance=instance,
    )
    return _execute(_loaded(model_class, context, plan), plan)


def _triton_instance(
    model_class: Any, plan: ModelPlan, config: ModelConfig, instance: int
) -> TritonInstance:
    try:
        return TritonInstance(model_class, plan, config, instance, running_model(plan))
    except BaseException as error:  # a model may raise anything
        log.exception("model_load_raised", extra={"model": plan.name, "version": plan.version})
        raise BackendError(
            f"{CLASS_NAME} of {_file(plan)} failed to initialize: {sentence_of(error)}"
        ) from error


def running_model(plan: ModelPlan) -> RunningModel:
    """The plan's version, to those whom its code calls."""
    return RunningModel(name=plan.name, version=plan.version, folder=plan.model_path.parent)


@contextmanager
def _siblings_first(folder: Path) -> Iterator[None]:
    """While the code within is imported, files in `folder` are found by their bare names.

    As Triton has it. Afterwards they are this model's alone: another one's `import utils` finds
    its own.
    """
    with _importing:
        sys.modules.setdefault(UTILS_NAME, triton_python_backend_utils)
        before = set(sys.modules)
        sys.path.insert(0, str(folder))
        try:
            yield
        finally:
            with suppress(ValueError):
                sys.path.remove(str(folder))
            for name in set(sys.modules) - before:
                place = getattr(sys.modules[name], "__file__", None)
                is_own = place is not None and Path(place).is_relative_to(folder)
                if is_own and not name.startswith(MODULE_PREFIX):
                    del sys.modules[name]


def _imported(plan: ModelPlan) -> ModuleType:
    """The module at the plan's path, under a name that no other has.

    It is a package, so that `from . import features` finds a file beside model.py.
    """
    with _siblings_first(plan.model_path.parent), entered(running_model(plan)):
        return _imported_package(plan)


class _SourceLoader(SourceFileLoader):
    """Reads the source, always: bytecode is told from stale by whole seconds and size alone."""

    def path_stats(self, path: str) -> NoReturn:
        """Tells nothing, so that bytecode is neither looked for nor written."""
        raise OSError


def forget_modules(folder: Path) -> int:
    """Lets go of the modules of models in `folder`, and gives how many those were.

    What was made of them lives on; what only they held, such as weights, is freed.
    """
    top = folder.resolve()
    gone = [
        name
        # A copy, which is made in one go: while a list of the items grows, the collector may run,
        # and import something.
        for name, module in sys.modules.copy().items()
        if name.startswith(MODULE_PREFIX)
        and (file := getattr(module, "__file__", None))
        and top in Path(file).resolve().parents
    ]
    for name in gone:
        sys.modules.pop(name, None)
    return len(gone)


def _imported_package(plan: ModelPlan) -> ModuleType:
    path = plan.model_path
    name = f"{MODULE_PREFIX}{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]}"
    for loaded in [other for other in list(sys.modules) if f"{other}.".startswith(f"{name}.")]:
        del sys.modules[loaded]  # an earlier load of this path; its objects live on
    importlib.invalidate_caches()
    spec = importlib.util.spec_from_file_location(
        name,
        path,
        loader=_SourceLoader(name, str(path)),
        submodule_search_locations=[str(path.parent)],
    )
    if path.suffix != ".py" or spec is None or spec.loader is None:
        raise BackendError(f"{_file(plan)} cannot be imported: wanted a file that ends in .py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:  # a model may raise anything
        del sys.modules[name]
        log.exception("model_import_failed", extra={"model": plan.name, "version": plan.version})
        raise BackendError(f"{_file(plan)} cannot be imported: {sentence_of(error)}") from error
    return module


def _model_class(module: ModuleType, plan: ModelPlan) -> type[PythonModel]:
    classes = [
        item
        for item in vars(module).values()
        if isinstance(item, type) and item.__module__ == module.__name__
    ]
    usable = [item for item in classes if callable(getattr(item, "execute", None))]
    if len(usable) == 1:
        return cast("type[PythonModel]", usable[0])
    found = ", ".join(item.__name__ for item in usable) or "none"
    raise BackendError(
        f"{_file(plan)}: wanted one class with execute(self, batch), or a {CLASS_NAME}, found "
        f"{found}."
    )


def _loaded(model_class: type[PythonModel], context: Context, plan: ModelPlan) -> PythonModel:
    try:
        model = model_class()
        if (load := getattr(model, "load", None)) is not None:
            load(context)
    except BaseException as error:  # a model may raise anything
        log.exception("model_load_raised", extra={"model": plan.name, "version": plan.version})
        raise BackendError(
            f"{model_class.__name__} of {_file(plan)} failed to load: {sentence_of(error)}"
        ) from error
    return model


def _execute(model: PythonModel, plan: ModelPlan) -> Execute:
    """`model.execute` as the core calls it: plain values in, checked arrays out."""

    def execute(inputs: Arrays, request_rows: Sequence[int]) -> dict[str, NDArray[Any]]:
        batch = Batch(inputs, request_rows)
        try:
            answer = model.execute(batch)
            outputs = {tensor.name: _output(answer, tensor) for tensor in plan.outputs}
            for tensor in plan.outputs:
                _check_shape(outputs[tensor.name], tensor, bool(plan.batch_rows_max))
            return outputs
        except BaseException as error:  # a model may raise anything
            log.exception(
                "model_failed",
                extra={"model": plan.name, "version": plan.version, "rows": batch.rows},
            )
            why = f"Model {plan.name!r} failed: {sentence_of(error)}"
            if isinstance(error, MemoryError):
                raise MemoryError(why) from None  # RESOURCE_EXHAUSTED to the caller
            raise BackendError(why) from None

    return execute


def _output(answer: Mapping[str, Any], tensor: TensorPlan) -> NDArray[Any]:
    if not isinstance(answer, Mapping):
        raise BackendError(
            f"execute returned {type(answer).__name__}: wanted a dict from output to array."
        )
    if tensor.name not in answer:
        raise BackendError(f"execute returned {list(answer)}: wanted output {tensor.name!r}.")
    wanted = NUMPY_TYPES[tensor.datatype]
    value = answer[tensor.name]
    if not isinstance(value, np.ndarray):
        value = np.asarray(value, dtype=wanted)
    if tensor.datatype == "BYTES":
        return _bytes_array(value)
    if tensor.datatype == "BF16" and value.dtype.itemsize == 2:
        value = value.view(np.uint16)
    if value.dtype != wanted:
        raise BackendError(
            f"output {tensor.name!r} is {value.dtype}: wanted {wanted}, for {tensor.datatype}."
        )
    return np.ascontiguousarray(value) if value.ndim else value


def _check_shape(value: NDArray[Any], tensor: TensorPlan, batches: bool) -> None:
    """The rows are the core's to check, which knows how many there must be."""
    wanted = (-1, *tensor.model_dims) if batches else tensor.model_dims
    fits = len(value.shape) == len(wanted) and all(
        dim in (-1, size) for dim, size in zip(wanted, value.shape, strict=True)
    )
    if not fits:
        raise BackendError(
            f"output {tensor.name!r} has shape {list(value.shape)}: wanted {list(wanted)}, "
            "by config.pbtxt (-1 is any size)."
        )


def _bytes_array(value: NDArray[Any]) -> NDArray[Any]:
    """`value` as an object array of bytes: texts become UTF-8, numpy's own strings objects."""
    flat = [item.encode() if isinstance(item, str) else item for item in value.ravel().tolist()]
    array = np.empty(len(flat), dtype=np.object_)
    array[:] = flat
    return array.reshape(value.shape)


def _file(plan: ModelPlan) -> str:
    """The file by its path in the model's folder: callers, who read errors, need not know more."""
    return f"{plan.version}/{plan.model_path.name}"
