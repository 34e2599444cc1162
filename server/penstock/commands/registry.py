# SPDX-License-Identifier: Apache-2.0
"""`penstock registry`: what a registry has."""

from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from penstock.registry import ModelEntry, VersionEntry, registry_place
from penstock.registry.registry import Registry

__all__ = ["print_models", "print_version", "show_models", "show_version"]


def show_models(console: Console, uri: str) -> None:
    """Prints the models of the registry at `uri`. Raises RegistryError."""
    registry = _opened(console, uri)
    print_models(console, registry.shown, registry.models())


def show_version(console: Console, uri: str, name: str, which: str) -> None:
    """Prints one version, and which others there are. Raises RegistryError."""
    registry = _opened(console, uri)
    version = registry.version(name, which)
    print_version(console, version, registry.versions(name))


def _opened(console: Console, uri: str) -> Registry:
    with console.status("opening the registry"):
        return Registry(registry_place(uri, folder=Path.cwd()))


def print_models(console: Console, shown: str, models: list[ModelEntry]) -> None:
    """Prints a row for each model."""
    if not models:
        console.print(Text(f"No version is registered in {shown}."), soft_wrap=True)
        return
    table = Table("Model", "Latest", "Aliases", "Changed")
    for model in models:
        aliases = ", ".join(f"{name}: {version}" for name, version in sorted(model.aliases.items()))
        table.add_row(Text(model.name), str(model.latest), Text(aliases), _time(model.changed_ms))
    console.print(table)


def print_version(
    console: Console, version: VersionEntry, all_versions: list[VersionEntry]
) -> None:
    """Prints what is known of a version, a line each."""
    rows = {
        "Model": version.name,
        "Version": str(version.version),
        "Aliases": ", ".join(version.aliases) or "none",
        "Created": _time(version.created_ms),
        "Digest": version.digest or "none: it is no package of Penstock",
        "Files": version.source,
        "Run": version.run_id or "none",
        **{key: value for key, value in sorted(version.tags.items()) if value != version.digest},
        "All versions": ", ".join(str(one.version) for one in all_versions),
    }
    width = max(map(len, rows)) + 2
    for label, value in rows.items():
        console.print(Text(f"{label:<{width}}{value}"), soft_wrap=True)


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
