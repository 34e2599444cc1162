# SPDX-License-Identifier: Apache-2.0
"""Examples of shadows for people: both answers side by side, with a mark where they differ."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from penstock.commands.rollout.told import shown_day
from penstock_client.shadows import ShadowExample, ShadowExamples

__all__ = ["Tolerance", "differs", "pair_picture", "print_examples"]

#: Elements of a tensor that are shown; of a larger one, those that differ come first.
ELEMENTS_MAX = 16
FLOATS = frozenset({"FP16", "BF16", "FP32", "FP64"})
#: After an element that differs, where there is no colour.
MARK = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """Two floats agree within either."""

    relative: float
    absolute: float


def differs(primary: Any, shadow: Any, datatype: str, tolerance: Tolerance) -> bool:
    """Whether two elements do not agree, as the server compares them: docs/shadow.md."""
    if datatype not in FLOATS:
        return bool(primary != shadow)
    a, b = float(primary), float(shadow)
    if a == b or (math.isnan(a) and math.isnan(b)):
        return False
    if not (math.isfinite(a) and math.isfinite(b)):
        return True
    apart = abs(a - b)
    return apart > tolerance.absolute and apart > tolerance.relative * max(abs(a), abs(b))


def print_examples(
    console: Console, found: ShadowExamples, tolerances: Mapping[str, Tolerance], *, whose: str
) -> None:
    """Prints examples for people. `tolerances`: by the shadow's name; `whose` they are."""
    if not found.examples:
        console.print(Text(f"{whose}: no pair that disagrees is kept."))
        return
    exact = Tolerance(relative=0.0, absolute=0.0)
    for number, one in enumerate(found.examples):
        if number:
            console.print()
        console.print(pair_picture(one, tolerances.get(one.shadow, exact)))
    if found.left_out:
        console.print(Text(f"\n{found.left_out} older ones are kept besides.", "dim"))


def pair_picture(example: ShadowExample, tolerance: Tolerance) -> RenderableType:
    """One example: its inputs, and the two answers."""
    pair = example.pair
    request = f", request {pair['request_id']}" if pair["request_id"] else ""
    name = "" if example.shadow == "shadow" else f"{example.shadow}: "
    head = Text.assemble(
        (f"{name}{shown_day(example.wall_ms)}", "bold"),
        (f"  key {example.key_hash[:8]}{request}", "dim"),
    )
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for title in ("", "", "Primary", "Shadow"):
        table.add_column(title, overflow="fold")
    for tensor in pair["inputs"]:
        table.add_row("input", _named(tensor), _elements(tensor, (), ""), "")
    for row in _output_rows(pair["primary"], pair["shadow"], tolerance):
        table.add_row(*row)
    return Group(head, table)


def _output_rows(
    primary: Mapping[str, Any], shadow: Mapping[str, Any], tolerance: Tolerance
) -> Iterator[tuple[str, Text, Text, Text]]:
    if "error" in primary or "error" in shadow:
        yield "error", Text(), _error(primary), _error(shadow)
    ours, theirs = (
        {one["name"]: one for one in answer.get("outputs", ())} for answer in (primary, shadow)
    )
    for name in {**ours, **theirs}:
        a, b = ours.get(name), theirs.get(name)
        if a is None or b is None:
            yield "output", Text(name), _elements(a, (), ""), _elements(b, (), "")
        elif _kind(a) != _kind(b):
            yield "output", Text(name), _other_kind(a), _other_kind(b)
        else:
            found = _differing(a, b, tolerance)
            yield "output", _named(a), _elements(a, found, ""), _elements(b, found, MARK)


def _other_kind(tensor: Mapping[str, Any]) -> Text:
    return Text.assemble((f"{_kind(tensor)}{MARK} ", "bold red"), _elements(tensor, (), ""))


def _differing(a: Mapping[str, Any], b: Mapping[str, Any], tolerance: Tolerance) -> list[int]:
    if "data" not in a or "data" not in b:
        return []
    elements = enumerate(zip(a["data"], b["data"], strict=False))
    return [n for n, (x, y) in elements if differs(x, y, a["datatype"], tolerance)]


def _elements(tensor: Mapping[str, Any] | None, marked: Sequence[int], mark: str) -> Text:
    """The elements of a tensor; those that are marked stand out."""
    if tensor is None:
        return Text("none", "dim")
    if "data" not in tensor:
        return Text("sensitive", "dim italic")
    data = tensor["data"]
    is_whole = len(data) <= ELEMENTS_MAX
    shown = range(len(data)) if is_whole else [*(marked or range(ELEMENTS_MAX))][:ELEMENTS_MAX]
    made = Text()
    for n in shown:
        place = "" if is_whole else f"[{n}] "
        is_marked = n in marked
        style = "bold red" if is_marked else ""
        made.append(place, "dim").append(_shown(data[n]) + (mark if is_marked else ""), style)
        made.append("  ")
    if not is_whole or tensor.get("cut"):
        made.append(f"of {math.prod(tensor['shape']):,}", "dim")
    made.rstrip()
    return made


def _shown(element: Any) -> str:
    match element:
        case float():
            return f"{element:.9g}"
        case {"b64": text}:
            return f"b64:{text}" + ("..." if element.get("cut") else "")
    return str(element).lower() if isinstance(element, bool) else str(element)


def _named(tensor: Mapping[str, Any]) -> Text:
    return Text.assemble(tensor["name"], (f" {_kind(tensor)}", "dim"))


def _kind(tensor: Mapping[str, Any]) -> str:
    return f"{tensor['datatype']} [{', '.join(map(str, tensor['shape']))}]"


def _error(answer: Mapping[str, Any]) -> Text:
    if "error" not in answer:
        return Text("none", "dim")
    error = answer["error"]
    return Text(f"{error['code']}: {error.get('message', 'sensitive')}", "bold red")
