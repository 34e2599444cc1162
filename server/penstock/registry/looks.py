# SPDX-License-Identifier: Apache-2.0
"""What a server asks of a registry: which versions an alias names, their files, a note on one.

Functions over an open `Registry`; they block.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from penstock.errors import RegistryError
from penstock.registry.entries import VersionEntry
from penstock.registry.place import check_reachable
from penstock.registry.registry import Registry
from penstock.registry.tags import REFUSED_TAG

__all__ = ["aliased_versions", "fetch_version", "has_version", "note_refusal"]

#: Characters of a refusal's reason that are kept.
REASON_MAX = 1000
_PAGE = 100


def aliased_versions(registry: Registry, alias: str) -> dict[str, tuple[int, int]]:
    """By model that has `alias`: its version's number, and when the model was made, in ms.

    Raises:
        RegistryError: the registry does not answer.
    """
    check_reachable(registry.place, creates=False)
    return {
        model.name: (int(model.aliases[alias]), int(model.creation_timestamp or 0))
        for model in _models(registry)
        if alias in (model.aliases or {})
    }


def has_version(registry: Registry, name: str, version: int) -> bool:
    """Whether a model has a version of this number.

    Raises:
        RegistryError: the registry does not answer.
    """
    if name not in {model.name for model in _models(registry)}:
        return False
    return version in {one.version for one in registry.all_versions(name)}


def fetch_version(
    registry: Registry, name: str, version: int, folder: Path, bytes_max: int
) -> VersionEntry:
    """Download a version's files into `folder`, which is empty.

    Raises:
        RegistryError: they cannot be had, or are more than `bytes_max`.
    """
    from mlflow.artifacts import download_artifacts

    entry = registry.version(name, str(version))
    about = f"Version {version} of {name!r}"
    uri = registry.asked(registry.client.get_model_version_download_uri, name, str(version))
    size = _listed_bytes(registry, entry)
    if size > bytes_max:
        raise RegistryError(
            f"{about} has {size} bytes of files, and there is room for {bytes_max}: raise "
            "--model-repository-cache-bytes-max."
        )
    try:
        download: Any = download_artifacts
        got = download(artifact_uri=uri, dst_path=str(folder), tracking_uri=registry.place.uri)
    except Exception as error:  # of whatever store keeps the files
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise RegistryError(f"The files of {about} cannot be fetched: {reason}.") from None
    _move_up(Path(got), folder)
    if not any(folder.iterdir()):
        raise RegistryError(f"{about} has no files in the registry.")
    return entry


def note_refusal(registry: Registry, name: str, version: int, reason: str) -> None:
    """Write on the version why it is not served; an empty `reason` takes that away.

    Raises:
        RegistryError: the registry does not take it.
    """
    if reason:
        tag = reason[:REASON_MAX]
        registry.asked(registry.client.set_model_version_tag, name, str(version), REFUSED_TAG, tag)
    else:
        registry.asked(registry.client.delete_model_version_tag, name, str(version), REFUSED_TAG)


def _models(registry: Registry) -> Iterator[Any]:
    token: str | None = None
    while True:
        page = registry.asked(
            registry.client.search_registered_models, max_results=_PAGE, page_token=token
        )
        yield from page
        token = page.token
        if not token:
            return


def _listed_bytes(registry: Registry, entry: VersionEntry) -> int:
    """What the run's store says of the files' sizes; stores that say nothing count as 0."""
    if not entry.run_id or not entry.source.startswith(_artifacts_of(registry, entry.run_id)):
        return 0
    root = entry.source.removeprefix(_artifacts_of(registry, entry.run_id)).strip("/")
    total, folders = 0, [root]
    while folders:
        for one in registry.asked(registry.client.list_artifacts, entry.run_id, folders.pop()):
            if one.is_dir:
                folders.append(one.path)
            else:
                total += one.file_size or 0
    return total


def _artifacts_of(registry: Registry, run_id: str) -> str:
    return str(registry.asked(registry.client.get_run, run_id).info.artifact_uri)


def _move_up(got: Path, folder: Path) -> None:
    """A store may put the files into a folder of their own."""
    if got.resolve() == folder.resolve():
        return
    for one in list(got.iterdir()):
        one.rename(folder / one.name)
    got.rmdir()
