# SPDX-License-Identifier: Apache-2.0
"""What a client would notice if a version took the place of another: its tensors. Pure."""

import json
from collections.abc import Iterator, Sequence

from penstock.package.signature import ModelSignature, TensorSignature

__all__ = ["signature_change"]

#: Differences and names that are told; of further ones, how many there are.
TOLD_MAX = 4


def signature_change(old: ModelSignature, new: ModelSignature) -> str:
    """A clause that says in what `new` differs from `old`; empty: in nothing.

    Compared are names, datatypes, shapes, columns in their order, and classes in theirs. The order
    of the tensors, and which columns are sensitive, make no difference to a client.
    """
    found = [*_side("input", old.inputs, new.inputs), *_side("output", old.outputs, new.outputs)]
    more = [f"{len(found) - TOLD_MAX} more"] if len(found) > TOLD_MAX else []
    return "; ".join([*found[:TOLD_MAX], *more])


def _side(
    kind: str, old: Sequence[TensorSignature], new: Sequence[TensorSignature]
) -> Iterator[str]:
    before = {one.name: one for one in old}
    after = {one.name: one for one in new}
    for name, tensor in before.items():
        if name not in after:
            yield f"{kind} {name!r} is missing"
        else:
            yield from _tensor(f"{kind} {name!r}", tensor, after[name])
    for name in after:
        if name not in before:
            yield f"{kind} {name!r} is new"


def _tensor(label: str, old: TensorSignature, new: TensorSignature) -> Iterator[str]:
    if old.datatype != new.datatype:
        yield f"{label} is {new.datatype} instead of {old.datatype}"
    columns = _names(label, "column", "columns", old.columns, new.columns)
    classes = _names(label, "class", "classes", old.classes, new.classes)
    if old.shape != new.shape and not (columns or classes):
        yield f"{label} has shape {list(new.shape)} instead of {list(old.shape)}"
    yield from filter(None, (columns, classes))


def _names(label: str, one: str, several: str, old: Sequence[object], new: Sequence[object]) -> str:
    # As JSON has them: the class 1 is neither true nor "1".
    before, after = [json.dumps(x) for x in old], [json.dumps(x) for x in new]
    if before == after:
        return ""
    parts = []
    for verb, names in (
        ("has no", [x for x in before if x not in after]),
        ("has the new", [x for x in after if x not in before]),
    ):
        if names:
            more = f" and {len(names) - TOLD_MAX} more" if len(names) > TOLD_MAX else ""
            noun = one if len(names) == 1 else several
            parts.append(f"{verb} {noun} {', '.join(names[:TOLD_MAX])}{more}")
    return f"{label} {' and '.join(parts) or f'has its {several} in another order'}"
