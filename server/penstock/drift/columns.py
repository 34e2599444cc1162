# SPDX-License-Identifier: Apache-2.0
"""The columns of a version's tensors, and how they are called. Pure.

age                     a column that signature.json names, or a tensor of one element
pixels[3]               an element of a tensor whose columns have no names
probabilities[yes]      of an output, a class
text (length)           bytes of a text
vector (norm)           of all elements of a wide tensor, and
vector (projection 7)   what it is in a fixed direction
"""

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from penstock.drift.layout import PROJECTIONS, Reading
from penstock.package.signature import ModelSignature, TensorSignature
from penstock.repository.plan import TensorPlan

__all__ = [
    "EMBEDDING_WIDTH",
    "SignatureColumn",
    "VersionSignature",
    "WatchedTensor",
    "columns_of",
    "watched_tensors",
]

#: Rows of floats without names that are wider are taken for embeddings.
EMBEDDING_WIDTH = 256
#: Elements of a tensor that may be columns of their own.
ELEMENTS_MAX = 10_000
#: A row of a tensor that is watched; as the core has it.
ROW_BYTES_MAX = 256 << 10
ITEM_BYTES = {
    "FP16": 2, "BF16": 2, "FP32": 4, "FP64": 8, "INT16": 2, "UINT16": 2, "INT32": 4, "UINT32": 4,
    "INT64": 8, "UINT64": 8, "BYTES": 4,
}  # fmt: skip
FLOATS = frozenset({"FP16", "BF16", "FP32", "FP64"})


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedTensor:
    """An input or an output as rows have it. `width`: elements of a row; None: it is not watched,
    and `lack` says what its rows are.
    """

    name: str
    datatype: str
    width: int | None
    is_output: bool
    #: Of its columns, where they have any.
    names: tuple[str, ...] = ()
    #: Of `names`, or its own one: whose values may be told to nobody.
    sensitive: frozenset[str] = frozenset()
    lack: str = ""
    #: Whether requests may bring several rows, and are counted as one.
    is_first_row: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionSignature:
    """The tensors of a loaded version. `is_named`: a package's signature was there."""

    tensors: tuple[WatchedTensor, ...]
    is_named: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureColumn:
    """What a column may be read from."""

    name: str
    tensor: WatchedTensor
    reading: Reading
    element: int = 0
    #: The element's own name, of which `name` may be a reading; the tensor's of several.
    base: str

    def is_sensitive(self, more: Collection[str] = ()) -> bool:
        """Whether the package says so, or it is one of `more`: columns, or whole tensors."""
        told = self.tensor.sensitive.union(more)
        if self.reading in ("norm", "projection"):
            tensor, names = self.tensor.name, {*self.tensor.names, self.tensor.name}
            return any(one in names or one.startswith(f"{tensor}[") for one in told)
        return bool({self.base, self.tensor.name} & told)


def watched_tensors(
    inputs: Sequence[TensorPlan],
    outputs: Sequence[TensorPlan],
    *,
    has_batches: bool,
    signature: ModelSignature | None = None,
) -> VersionSignature:
    """The tensors of a version as it was loaded; its package's `signature` names columns."""
    told = {one.name: one for one in (*signature.inputs, *signature.outputs)} if signature else {}
    made = [
        _tensor(one, told.get(one.name), is_output=is_output, has_batches=has_batches)
        for is_output, tensors in ((False, inputs), (True, outputs))
        for one in tensors
    ]
    return VersionSignature(tensors=tuple(made), is_named=signature is not None)


def _tensor(
    plan: TensorPlan, told: TensorSignature | None, *, is_output: bool, has_batches: bool
) -> WatchedTensor:
    is_first_row = not has_batches and plan.dims[:1] == (-1,)
    dims = plan.dims[1:] if is_first_row else plan.dims
    names: tuple[str, ...] = ()
    sensitive: frozenset[str] = frozenset()
    if told is not None:
        names = told.columns or tuple(f"{plan.name}[{one}]" for one in told.classes)
        sensitive = frozenset(told.sensitive)
    width = None if any(one < 0 for one in dims) else math.prod(dims)
    if width is None and names and len(dims) == 1:
        width = len(names)
    lack = "" if width is not None else "have no fixed width"
    if width is not None and width * ITEM_BYTES.get(plan.datatype, 1) > ROW_BYTES_MAX:
        width, lack = None, f"have more than {ROW_BYTES_MAX >> 10} KiB"
    return WatchedTensor(
        name=plan.name,
        datatype=plan.datatype,
        width=width,
        is_output=is_output,
        names=names if width == len(names) else (),
        sensitive=sensitive,
        lack=lack,
        is_first_row=is_first_row and width is not None,
    )


def columns_of(signature: VersionSignature) -> Iterator[SignatureColumn]:
    """All that may be watched, each name once; inputs first.

    An output that is called as an input before it is called `NAME (output)`.
    """
    taken: set[str] = set()
    for tensor in signature.tensors:
        for base, suffix, reading, element in _readings(tensor):
            name = base + suffix
            free = name if name not in taken else f"{name} (output)"
            if free not in taken:
                taken.add(free)
                yield SignatureColumn(
                    name=free, tensor=tensor, reading=reading, element=element, base=base
                )


def _readings(tensor: WatchedTensor) -> Iterable[tuple[str, str, Reading, int]]:
    """Base, what stands behind it in the column's name, reading, element."""
    width = tensor.width
    if width is None or width == 0:
        return
    for element in range(min(width, ELEMENTS_MAX)):
        name = _element_name(tensor, element)
        if tensor.datatype == "BYTES":
            yield name, "", "category", element
            yield name, " (length)", "length", element
        else:
            yield name, "", "number", element
    if tensor.datatype in FLOATS and width > 1:
        yield tensor.name, " (norm)", "norm", 0
        for number in range(PROJECTIONS):
            yield tensor.name, f" (projection {number})", "projection", number


def _element_name(tensor: WatchedTensor, element: int) -> str:
    if tensor.names:
        return tensor.names[element]
    return tensor.name if tensor.width == 1 else f"{tensor.name}[{element}]"
