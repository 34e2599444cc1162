# SPDX-License-Identifier: Apache-2.0
"""What a server asks of a registry: which versions aliases name, their files, a note on one.

Functions over an open `Registry`; they block.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from penstock.errors import RegistryError
from penstock.package.manifest import is_package, read_manifest
from penstock.registry.entries import LookedModel, ModelAlias, VersionEntry
from penstock.registry.place import check_reachable
from penstock.registry.promotion import CANDIDATE, CHAMPION
from penstock.registry.registry import Registry
from penstock.registry.store_reasons import store_reason
from penstock.registry.tags import REFUSED_TAG, ROLLOUT_TAG

__all__ = [
    "check_registered",
    "fetch_version",
    "has_version",
    "looked_models",
    "note_refusal",
]

#: Characters of a refusal's reason that are kept.
REASON_MAX = 1000


def looked_models(registry: Registry, alias: str) -> dict[str, LookedModel]:
    """By name: the models that have `alias`, and where it is the champion, those with a policy.

    Raises:
        RegistryError: the registry does not answer.
    """
    check_reachable(registry.place, creates=False)
    found = {}
    for model in registry.registered_models():
        aliases, tags = dict(model.aliases or {}), dict(model.tags or {})
        rolls = alias == CHAMPION
        policy = str(tags.get(ROLLOUT_TAG, "")) if rolls else ""
        if alias in aliases or policy:
            made_ms = int(model.creation_timestamp or 0)
            candidate = aliases.get(CANDIDATE) if rolls else None
            looked = LookedModel(
                served=_alias(aliases.get(alias), made_ms),
                candidate=_alias(candidate, made_ms),
                policy=policy,
            )
            found[str(model.name)] = _with_tags(registry, str(model.name), looked)
    return found


def _alias(version: Any, made_ms: int) -> ModelAlias | None:
    return None if version is None else ModelAlias(version=int(version), made_ms=made_ms)


def _with_tags(registry: Registry, name: str, looked: LookedModel) -> LookedModel:
    """With what stands on a candidate that is to be rolled out."""
    if not looked.policy or looked.candidate in (None, looked.served):
        return looked
    assert looked.candidate is not None
    entry = registry.numbered(name, looked.candidate.version)
    return replace(looked, rolled_back=entry.rolled_back, is_archived=entry.is_archived)


def has_version(registry: Registry, name: str, version: int) -> bool:
    """Whether a model has a version of this number.

    Raises:
        RegistryError: the registry does not answer.
    """
    return version in {one.version for one in registry.all_versions(name)}


def fetch_version(
    registry: Registry, name: str, version: int, folder: Path, bytes_max: int
) -> VersionEntry:
    """Download a version's files into `folder`, which is empty.

    Raises:
        RegistryError: they cannot be had, or are more than `bytes_max`.
    """
    from mlflow.artifacts import download_artifacts

    entry = registry.numbered(name, version)
    about = f"version {version} of {name!r}"
    uri = registry.asked(registry.client.get_model_version_download_uri, name, str(version))
    size = _listed_bytes(registry, entry)
    if size > bytes_max:
        raise RegistryError(
            f"The files of {about} have {size} bytes, and there is room for {max(0, bytes_max)}: "
            "raise --model-repository-cache-bytes-max."
        )
    try:
        download: Any = download_artifacts
        got = download(artifact_uri=uri, dst_path=str(folder), tracking_uri=registry.place.uri)
    except Exception as error:  # of whatever store keeps the files
        raise RegistryError(
            f"The files of {about} cannot be fetched: {store_reason(error)}."
        ) from None
    _move_up(Path(got), folder)
    if not any(folder.iterdir()):
        raise RegistryError(f"The registry has no files of {about}.")
    return entry


def check_registered(entry: VersionEntry, folder: Path) -> None:
    """Raise RegistryError unless the package in `folder` is the one that was registered.

    Whether its files are those of its manifest is asked when it is loaded.
    """
    if entry.digest and not (is_package(folder) and read_manifest(folder).digest == entry.digest):
        raise RegistryError(
            f"Version {entry.version} of {entry.name!r} is not the package that was registered: "
            "its files have been changed in the store. Register it again."
        )


def note_refusal(registry: Registry, name: str, version: int, reason: str) -> None:
    """Write on the version why it is not served; an empty `reason` takes that away.

    Raises:
        RegistryError: the registry does not take it.
    """
    if reason:
        registry.tag_version(name, version, REFUSED_TAG, reason[:REASON_MAX])
    elif REFUSED_TAG in registry.numbered(name, version).tags:  # a look is cheaper than a change
        registry.tag_version(name, version, REFUSED_TAG, None)


def _listed_bytes(registry: Registry, entry: VersionEntry) -> int:
    """What the run's store says of the files' sizes; stores that say nothing count as 0."""
    if not entry.run_id:
        return 0
    artifacts = str(registry.asked(registry.client.get_run, entry.run_id).info.artifact_uri)
    if not entry.source.startswith(artifacts):
        return 0
    root = entry.source.removeprefix(artifacts).strip("/")
    return sum(size or 0 for size in registry.artifacts(entry.run_id, root).values())


def _move_up(got: Path, folder: Path) -> None:
    """A store may put the files into a folder of their own."""
    if got.resolve() == folder.resolve():
        return
    for one in list(got.iterdir()):
        one.rename(folder / one.name)
    got.rmdir()
