# SPDX-License-Identifier: Apache-2.0
"""Versions of a registry, from it into the folder where they are kept."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from penstock.errors import RegistryError
from penstock.package.signature import SIGNATURE_FILE, ModelSignature, read_signature
from penstock.package.signature_change import signature_change
from penstock.registry.entries import ModelAlias
from penstock.registry.kept import KeptVersions
from penstock.registry.process import RegistryProcess
from penstock.registry.tags import ARCHIVED_TAG, IS_ALLOWED, IS_ARCHIVED, SIGNATURE_CHANGE_TAG

__all__ = ["VersionFetches"]


class VersionFetches:
    """Asks `process` for files, and keeps those that may be served, of `bytes_max` together.

    `serves`: whether requests reach this version of a model now.
    """

    def __init__(
        self,
        process: RegistryProcess,
        kept: KeptVersions,
        serves: Callable[[str, int], bool],
        *,
        bytes_max: int,
    ) -> None:
        self._process = process
        self._kept = kept
        self._serves = serves
        self._bytes_max = bytes_max

    async def fetch(
        self, name: str, version: ModelAlias, *, is_named: Callable[[], bool]
    ) -> Mapping[str, str] | None:
        """Fetches a version and keeps its files; its tags. None: when they had come, no alias
        named it any more, and nothing is kept.

        Raises:
            RegistryError: it cannot be had, is archived, or its signature is another one.
        """
        fetched = await asyncio.to_thread(self._kept.begin)
        try:
            room = self._bytes_max - await asyncio.to_thread(lambda: self._kept.size)
            tags = await self._process.fetch(name, version.version, fetched, room)
            if tags.get(ARCHIVED_TAG) == IS_ARCHIVED:
                raise RegistryError(
                    f"Version {version.version} of {name!r} is archived: `penstock registry "
                    "archive --undo`, or let the alias name another one."
                )
            if tags.get(SIGNATURE_CHANGE_TAG) != IS_ALLOWED:
                await asyncio.to_thread(self._check_signature, name, version, fetched)
            if not is_named():
                return None
            await asyncio.to_thread(self._kept.keep, name, version, fetched)
            return tags
        finally:
            await asyncio.to_thread(self._kept.drop, fetched)

    def has_signature(self, name: str, version: ModelAlias) -> bool:
        """Whether a kept version says what clients send and get. Blocks for a moment."""
        return (self._kept.folder(name, version) / SIGNATURE_FILE).is_file()

    def _check_signature(self, name: str, version: ModelAlias, fetched: Path) -> None:
        """Raises RegistryError if clients of the version that is served would notice."""
        new = _signature(fetched)
        candidate = self._kept.candidate(name)
        for number, other in self._kept.versions(name).items():
            is_compared = self._serves(name, number) and number not in (version.version, candidate)
            old = _signature(self._kept.folder(name, other)) if is_compared else None
            if old is None or new is None:
                continue
            if differs := signature_change(old, new):
                raise RegistryError(
                    f"The signature of version {version.version} of {name!r} is not that of "
                    f"version {number}, which is served: {differs}. Allow it by `penstock registry "
                    "promote --allow-signature-change`."
                )


def _signature(folder: Path) -> ModelSignature | None:
    path = folder / SIGNATURE_FILE
    return read_signature(path) if path.is_file() else None
