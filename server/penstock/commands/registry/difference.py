# SPDX-License-Identifier: Apache-2.0
"""`penstock registry diff`."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from penstock.commands.registry.opened import opened, print_json
from penstock.registry.difference import Part, differences
from penstock.registry.readings import read_contents

__all__ = ["diff_two"]

_STYLES = {"+++": "bold", "---": "bold", "@@ ": "cyan", "+": "green", "-": "red"}


def diff_two(console: Console, uri: str, name: str, a: str, b: str, as_json: bool) -> None:
    """Prints what differs between two versions. Raises RegistryError."""
    registry = opened(console, uri)
    first, second = registry.version(name, a), registry.version(name, b)
    parts = differences(read_contents(registry, first), read_contents(registry, second))
    labels = f"version {first.version}", f"version {second.version}"
    if as_json:
        print_json(
            {
                "name": name,
                "a": first.version,
                "b": second.version,
                "parts": [_told(part, *labels) for part in parts],
            }
        )
    else:
        _print(console, parts, *labels)


def _told(part: Part, a: str, b: str) -> dict[str, object]:
    told: dict[str, object] = {
        "name": part.name,
        "is_same": part.is_same,
        "diff": part.diff(a, b),
    }
    return {**told, "changes": part.changes} if part.separator else told


def _print(console: Console, parts: Sequence[Part], a: str, b: str) -> None:
    for part in parts:
        for line in part.diff(a, b):
            style = next((one for begin, one in _STYLES.items() if line.startswith(begin)), "")
            console.print(Text(line, style), soft_wrap=True)
    if same := [part.name for part in parts if part.is_same]:
        console.print(Text(f"Nothing differs in: {', '.join(same)}.", "dim"), soft_wrap=True)
