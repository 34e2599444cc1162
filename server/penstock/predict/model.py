# SPDX-License-Identifier: Apache-2.0
"""A version opened for tables: the server's executors, and the signature that columns are held to.

The server's bound on a batch does not count here: rows come by the ten thousand, and nobody waits
for one of them. All else of the configuration does.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from penstock.backends.isolation import worker_launch
from penstock.backends.onnxruntime_library import find_machine, find_onnxruntime
from penstock.errors import PredictError
from penstock.local_model import LocalModel
from penstock.package.signature import ModelSignature, TensorSignature
from penstock.predict.place import ModelPlace, found_model, registry_name
from penstock.registry import registry_place
from penstock.registry.fetch import fetch_package
from penstock.repository.compilation import LeftToOnnxRuntime, compiled, left_to_onnxruntime
from penstock.repository.model_files import read_labels
from penstock.repository.plan import ModelPlan, TensorPlan
from penstock.repository.translate import BACKENDS, translate

__all__ = ["OpenModel", "open_model"]

#: Rows of a batch of a native model or of ONNX Runtime: a chunk is bounded before it comes here.
ROWS_MAX = 1 << 31
OWN_BATCHES = ("native", "onnxruntime")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OpenModel:
    """A version that is loaded. `rows_max` is of one run, 0: any; `has_names`: of its columns."""

    name: str
    version: int
    digest: str
    backend: str
    signature: ModelSignature
    has_names: bool
    rows_max: int
    local: LocalModel


def open_model(
    given: str,
    *,
    registry: str = "",
    registry_allow_code: bool = False,
    public_keys: Sequence[Path] = (),
) -> OpenModel:
    """The version that `given` names, as place.py has it, loaded.

    `registry_allow_code`: one that is no package may run the code that it brings. `public_keys`:
    PEM files, of one of which it must be signed with the key.

    Raises:
        PenstockError: there is none, it is not what it should be, or it cannot be loaded.
    """
    wanted = registry_name(given)
    if wanted is None:
        path = Path(given).expanduser()
    else:
        at = registry_place(registry, folder=Path.cwd())
        path = fetch_package(at, wanted.name, wanted.which, allows_code=registry_allow_code)
    with found_model(path, public_keys=public_keys) as place:
        return _opened(place)


def _opened(place: ModelPlace) -> OpenModel:
    plan = _plan(place)
    try:
        with _ready(plan) as ready:
            local = _local(ready, place)
    except LeftToOnnxRuntime:
        place = replace(place, written=left_to_onnxruntime(place.written))
        if place.file is not None:
            place = replace(place, file_backend="onnxruntime")
        plan = _plan(place)
        local = _local(plan, place)
    return OpenModel(
        name=place.name,
        version=place.version,
        digest=place.digest,
        backend=plan.backend,
        signature=_checked(place, local) if place.signature else _signature(local, plan),
        has_names=place.signature is not None,
        rows_max=0 if plan.backend in OWN_BATCHES else local.batch_rows_max,
        local=local,
    )


def _ready(plan: ModelPlan) -> AbstractContextManager[ModelPlan]:
    return compiled(plan) if plan.backend == "native" else nullcontext(plan)


def _plan(place: ModelPlace) -> ModelPlan:
    if place.file is not None:
        return ModelPlan(
            name=place.name,
            version=place.version,
            platform=BACKENDS[place.file_backend].platform,
            backend=place.file_backend,
            model_path=place.file,
            batch_rows_max=None,
            batch_rows_default=ROWS_MAX,
            native_threads=1,
        )
    folder = place.model.version_folder(place.version)
    plan = translate(
        place.model,
        place.version,
        place.written,
        files=frozenset(entry.name for entry in folder.iterdir()),
        machine=find_machine(find_onnxruntime()),
        batch_rows_default=ROWS_MAX,
    )
    if plan.backend in OWN_BATCHES and plan.batch_rows_max:
        plan = replace(plan, batch_rows_max=ROWS_MAX)
    # Chunks are answered side by side: threads within one would be in each other's way.
    return replace(plan, native_threads=1, warmups=(), smoke=place.smoke)


def _local(plan: ModelPlan, place: ModelPlace) -> LocalModel:
    library = find_onnxruntime()
    if plan.isolation is not None:
        worker = worker_launch(plan, place.written.config, log_format="console", log_file="")
        return LocalModel(plan, library, worker=worker)
    if plan.backend == "python":
        from penstock.backends.python_class import python_executes

        return LocalModel(plan, library, executes=python_executes(plan, place.written.config))
    return LocalModel(plan, library)


def _shape(tensor: TensorPlan, local: LocalModel) -> tuple[int, ...]:
    if local.batch_rows_max > 0:
        return (-1, *tensor.dims)
    if not tensor.dims or tensor.dims[0] != -1:
        raise PredictError(
            f"{tensor.name!r} is of shape {list(tensor.dims)}, which has no rows: wanted a model "
            "whose tensors begin with a dimension of any size."
        )
    return tensor.dims


def _signature(local: LocalModel, plan: ModelPlan) -> ModelSignature:
    """What the model says of itself, and the classes that its configuration names."""
    classes = {
        name: tuple(line.decode(errors="replace") for line in read_labels(path))
        for name, path in plan.label_files.items()
    }
    outputs = []
    for tensor in local.outputs:
        shape = _shape(tensor, local)
        named = classes.get(tensor.name, ())
        outputs.append(
            TensorSignature(
                name=tensor.name,
                datatype=tensor.datatype,
                shape=shape,
                classes=named if len(shape) == 2 and shape[1] == len(named) else (),
            )
        )
    inputs = [
        TensorSignature(name=one.name, datatype=one.datatype, shape=_shape(one, local))
        for one in local.inputs
    ]
    return ModelSignature(inputs=tuple(inputs), outputs=tuple(outputs))


def _checked(place: ModelPlace, local: LocalModel) -> ModelSignature:
    """The package's own, in the order of the model's tensors."""
    signature = place.signature
    assert signature is not None
    inputs = {one.name: one for one in signature.inputs}
    outputs = {one.name: one for one in signature.outputs}
    for told, tensors in ((inputs, local.inputs), (outputs, local.outputs)):
        for tensor in tensors:
            if tensor.name not in told or told[tensor.name].datatype != tensor.datatype:
                raise PredictError(
                    f"The package's signature and its model differ in {tensor.name!r}: "
                    "`penstock verify` says more."
                )
    return ModelSignature(
        inputs=tuple(inputs[one.name] for one in local.inputs),
        outputs=tuple(outputs[one.name] for one in local.outputs),
    )
