# SPDX-License-Identifier: Apache-2.0
"""`penstock registry lineage`."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from penstock.commands.registry.opened import opened, print_json, shown_time
from penstock.registry.lineage import ParentMark, VersionOrigin
from penstock.registry.readings import read_ancestry

__all__ = ["lineage_told", "show_lineage"]

#: Characters of a digest or a commit that are shown.
DIGEST_SHOWN = 12


def show_lineage(console: Console, uri: str, name: str, which: str, as_json: bool) -> None:
    """Prints where a version comes from. Raises RegistryError."""
    registry = opened(console, uri)
    origins, missing = read_ancestry(registry, registry.version(name, which))
    if as_json:
        print_json(lineage_told(origins, missing))
    else:
        console.print(_tree(origins, missing))


def lineage_told(origins: Sequence[VersionOrigin], missing: ParentMark | None) -> dict[str, Any]:
    """As JSON has it: each version holds its parent."""
    parent: dict[str, Any] | None = None
    if missing is not None:
        parent = {"name": missing.name, "digest": missing.digest, "version": None}
    for origin in reversed(origins):
        parent = {**origin.told(), "parent": parent}
    assert parent is not None, "there is one version at least"
    return parent


def _tree(origins: Sequence[VersionOrigin], missing: ParentMark | None) -> Tree:
    tree = Tree(_version_line(origins[0]))
    branch = tree
    for place, origin in enumerate(origins):
        if place:
            branch = branch.add(Text.assemble(("parent ", "dim"), _version_line(origin)))
        run = origin.version.run_id or "none"
        made = branch.add(Text(f"run {origin.run_name} {run}".replace("  ", " ")))
        for label, value in _facts(origin):
            made.add(Text.assemble((f"{label} ", "dim"), value))
    if missing is not None:
        label = f"{missing.name} {missing.digest[:DIGEST_SHOWN]}, which is not in the registry"
        branch.add(Text.assemble(("parent ", "dim"), label))
    return tree


def _version_line(origin: VersionOrigin) -> Text:
    version = origin.version
    line = Text(f"{version.name} version {version.version}", "bold")
    if version.aliases:
        line.append(f" ({', '.join(version.aliases)})", "green")
    line.append(f", made {shown_time(version.created_ms)}", "not bold")
    if version.digest:
        line.append(f", digest {version.digest[:DIGEST_SHOWN]}", "not bold")
    if version.is_archived:
        line.append(", archived", "yellow")
    if version.refused:
        line.append(f", refused: {version.refused}", "red")
    return line


def _facts(origin: VersionOrigin) -> list[tuple[str, str]]:
    rows = "" if origin.data_rows is None else f", {origin.data_rows} rows"
    kind = f" ({origin.data_kind}{rows})" if origin.data_kind else rows
    nowhere = "unknown" if origin.is_dirty is None else "in no git repository"
    commit = origin.commit[:DIGEST_SHOWN] or nowhere
    facts = [
        ("spec", origin.spec_digest[:DIGEST_SHOWN] or "unknown"),
        ("data", f"{origin.data_digest[:DIGEST_SHOWN]}{kind}" or "unknown"),
        ("code", f"{commit}, with changes that are not in it" if origin.is_dirty else commit),
        ("seed", "unknown" if origin.seed is None else str(origin.seed)),
    ]
    return [*facts, ("Penstock", origin.penstock)] if origin.penstock else facts
