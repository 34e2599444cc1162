# SPDX-License-Identifier: Apache-2.0
"""`penstock registry list` and `show`."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from penstock.commands.registry.opened import (
    opened,
    print_json,
    shown_estimate,
    shown_time,
)
from penstock.errors import RegistryError
from penstock.registry import ModelEntry, VersionEntry
from penstock.registry.policy import policy_of
from penstock.registry.registry import DIGEST_TAG
from penstock.registry.runs import RunEntry, run_of
from penstock.registry.tags import (
    ARCHIVED_TAG,
    METRIC_TAG,
    REFUSED_TAG,
    ROLLED_BACK_TAG,
    ROLLOUT_TAG,
)

__all__ = ["list_models", "list_versions", "print_models", "print_versions", "show_version"]

#: Characters of a digest or a reason in a table.
DIGEST_SHOWN = 12
REASON_SHOWN = 48
POLICY_SHOWN = 60


def list_models(console: Console, uri: str, with_archived: bool, as_json: bool) -> None:
    """Prints the models of the registry at `uri`. Raises RegistryError."""
    registry = opened(console, uri)
    models = registry.models(with_archived=with_archived)
    if as_json:
        print_json([_model_told(model) for model in models])
    else:
        print_models(console, registry.shown, models)


def list_versions(
    console: Console, uri: str, name: str, with_archived: bool, as_json: bool
) -> None:
    """Prints the versions of a model. Raises RegistryError."""
    registry = opened(console, uri)
    versions = _shown_versions(registry.versions(name), with_archived)
    runs = {one.version: run_of(registry, one) for one in versions}
    if as_json:
        print_json([version_told(one, runs[one.version]) for one in versions])
    else:
        print_versions(console, versions, runs)


def show_version(
    console: Console, uri: str, name: str, which: str, with_archived: bool, as_json: bool
) -> None:
    """Prints one version, and which others there are. Raises RegistryError."""
    registry = opened(console, uri)
    shown = _shown_versions(registry.versions(name), with_archived)
    if not which and not shown:
        raise RegistryError(f"All versions of {name!r} are archived: --all shows them.")
    version = registry.version(name, which) if which else shown[0]
    run = run_of(registry, version)
    policy = registry.model_tags(name).get(ROLLOUT_TAG, "")
    if as_json:
        print_json({**version_told(version, run), "rollout_policy": policy})
    else:
        _print_version(console, version, run, shown, policy)


def version_told(version: VersionEntry, run: RunEntry | None) -> dict[str, Any]:
    """A version as JSON has it."""
    return {
        "name": version.name,
        "version": version.version,
        "aliases": list(version.aliases),
        "created_ms": version.created_ms,
        "digest": version.digest,
        "is_archived": version.is_archived,
        "refused": version.refused,
        "rolled_back": version.rolled_back,
        "verdict": run.verdict if run else "",
        "metrics": dict(run.metrics) if run else {},
        "run_id": version.run_id,
        "source": version.source,
        "tags": dict(version.tags),
    }


def _model_told(model: ModelEntry) -> dict[str, Any]:
    return {
        "name": model.name,
        "versions": model.versions,
        "latest": model.latest,
        "aliases": dict(model.aliases),
        "changed_ms": model.changed_ms,
        "rollout_policy": model.policy,
    }


def _shown_versions(versions: Sequence[VersionEntry], with_archived: bool) -> list[VersionEntry]:
    return [one for one in versions if with_archived or not one.is_archived]


def print_models(console: Console, shown: str, models: Sequence[ModelEntry]) -> None:
    """Prints a row for each model."""
    if not models:
        console.print(Text(f"No version is registered in {shown}."), soft_wrap=True)
        return
    table = Table("Model", "Versions", "Latest", "Aliases", "Changed", "Candidates")
    for model in models:
        aliases = ", ".join(f"{name}: {version}" for name, version in sorted(model.aliases.items()))
        row = (str(model.versions), str(model.latest), Text(aliases), shown_time(model.changed_ms))
        table.add_row(Text(model.name), *row, "rolled out" if model.policy else "")
    console.print(table)


def print_versions(
    console: Console, versions: Sequence[VersionEntry], runs: Mapping[int, RunEntry | None]
) -> None:
    """Prints a row for each version: its metric is the one that decided."""
    if not versions:
        console.print(Text("All versions are archived: --all shows them."), soft_wrap=True)
        return
    table = Table("Version", "Aliases", "Created", "Verdict", "Metric", "Digest", "Not served")
    for version in versions:
        run = runs[version.version]
        verdict = "archived" if version.is_archived else run.verdict if run else ""
        table.add_row(
            str(version.version),
            Text(", ".join(version.aliases)),
            shown_time(version.created_ms),
            Text(verdict, "green" if verdict == "accepted" else "yellow"),
            Text(_deciding(version, run)),
            Text(version.digest[:DIGEST_SHOWN]),
            Text(_shortened(version.refused or _rolled_back(version)), "red"),
        )
    console.print(table)


def _deciding(version: VersionEntry, run: RunEntry | None) -> str:
    found = run.estimates if run else {}
    metric = version.tags.get(METRIC_TAG, "")
    return f"{metric} {shown_estimate(found[metric])}" if metric in found else ""


def _rolled_back(version: VersionEntry) -> str:
    return f"rolled back {version.rolled_back}" if version.rolled_back else ""


def _shown_policy(text: str, name: str) -> str:
    """In one line."""
    try:
        policy_of(text, name)
    except RegistryError as error:
        return str(error)
    if not text:
        return "none: promotions move champion at once"
    return " ".join(text.split()) if len(text) <= POLICY_SHOWN else "`penstock registry policy`"


def _shortened(text: str) -> str:
    return text if len(text) <= REASON_SHOWN else text[: REASON_SHOWN - 1] + "…"


def _print_version(
    console: Console,
    version: VersionEntry,
    run: RunEntry | None,
    versions: Sequence[VersionEntry],
    policy: str,
) -> None:
    told_apart = {DIGEST_TAG, ARCHIVED_TAG, REFUSED_TAG, ROLLED_BACK_TAG}
    found = run.estimates if run else {}
    rows = {
        "Model": version.name,
        "Version": f"{version.version}{', archived' if version.is_archived else ''}",
        "Aliases": ", ".join(version.aliases) or "none",
        "Created": shown_time(version.created_ms),
        "Verdict": (run.verdict if run else "") or "none",
        "Refused": version.refused or "no",
        "Rolled back": version.rolled_back or "no",
        "Rollout policy": _shown_policy(policy, version.name),
        "Digest": version.digest or "none: it is no package of Penstock",
        "Files": version.source,
        "Run": version.run_id or "none",
        **{key: one for key, one in sorted(version.tags.items()) if key not in told_apart},
        **{f"metric {name}": shown_estimate(one) for name, one in found.items()},
        "All versions": ", ".join(str(one.version) for one in versions),
    }
    width = max(map(len, rows)) + 2
    for label, value in rows.items():
        console.print(Text(f"{label:<{width}}{value}"), soft_wrap=True)
