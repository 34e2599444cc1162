# SPDX-License-Identifier: Apache-2.0
"""The repositories that the options name: folders of this machine, and caches of remote ones.

Lives on the control thread, whose loop nothing here blocks.
"""

import asyncio
import logging
import tempfile
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from penstock.config import ServerOptions
from penstock.errors import RepositoryError
from penstock.package.placing import link_packages, named_packages
from penstock.registry.kept import KeptVersions
from penstock.registry.place import registry_place, shown_uri
from penstock.repository.remote import Fetched, RemoteRepository
from penstock.repository.remote_urls import is_remote, read_url

__all__ = ["Hold", "Sources"]

log = logging.getLogger(__name__)

#: What the repository of --package is called.
PACKAGES = "packages"

#: Keeps a model, by name, from being loaded or unloaded meanwhile.
Hold = Callable[[str], AbstractAsyncContextManager[Any]]


class Sources:
    """`folders` has each repository's folder by its name: as given, without secrets.

    `unfetched` has the models of the last look whose files could not be fetched, with the reason.
    Raises RepositoryError if a URL or the cache cannot be used.
    """

    def __init__(self, options: ServerOptions) -> None:
        self._bytes_max = options.model_repository_cache_bytes_max
        self._wants_all = options.exit_on_error
        self._away: set[RemoteRepository] = set()
        self._ends = threading.Event()
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._packages: tempfile.TemporaryDirectory[str] | None = None
        self._fetched: tempfile.TemporaryDirectory[str] | None = None
        self._remotes: dict[Path, RemoteRepository] = {}
        self.folders: dict[str, Path] = {}
        self.kept: KeptVersions | None = None  # of the registry, if there is one
        self.unfetched: dict[str, str] = {}
        try:
            for given in options.model_repository:
                if is_remote(given):
                    self._add_remote(given, options.model_repository_cache)
                else:
                    self.folders[given] = Path(given).expanduser()
            if options.package:
                self._add_packages(options.package)
            if options.registry:
                self._add_registry(options.registry, options.registry_cache)
        except BaseException:
            self.close()
            raise

    def _add_remote(self, url: str, cache: str) -> None:
        address = read_url(url)
        if not cache and self._temporary is None:
            self._temporary = tempfile.TemporaryDirectory(
                prefix="penstock-repository-", ignore_cleanup_errors=True
            )
        folder = Path(self._temporary.name if self._temporary else cache).expanduser()
        remote = RemoteRepository(address, folder, self._ends, self._room)
        self._remotes[remote.cache.models] = remote
        self.folders[address.shown] = remote.cache.models

    def _add_registry(self, uri: str, cache: str) -> None:
        place = registry_place(uri, folder=Path.cwd())
        if not cache:
            self._fetched = tempfile.TemporaryDirectory(
                prefix="penstock-registry-", ignore_cleanup_errors=True
            )
        folder = Path(self._fetched.name if self._fetched else cache).expanduser()
        self.kept = KeptVersions(folder, place.uri)
        self.folders[shown_uri(place.uri)] = self.kept.models

    def _add_packages(self, folders: Sequence[str]) -> None:
        packages = named_packages(folders)
        self._packages = tempfile.TemporaryDirectory(
            prefix="penstock-packages-", ignore_cleanup_errors=True
        )
        folder = Path(self._packages.name)
        link_packages(packages, folder)
        self.folders[PACKAGES] = folder

    def close(self) -> None:
        """Fetches nothing more. A cache of the server's own is removed. Blocks."""
        self._ends.set()
        for remote in self._remotes.values():
            remote.close()
        if self.kept is not None:
            self.kept.close()
        for temporary in (self._temporary, self._packages, self._fetched):
            if temporary is not None:
                temporary.cleanup()

    def _room(self, asking: RemoteRepository, model: str) -> int:
        used = sum(
            remote.cache.held(name).size
            for remote in self._remotes.values()
            for name in remote.cache.names
            if (remote, name) != (asking, model)
        )
        return self._bytes_max - used

    # --- looks ---

    @property
    def has_remotes(self) -> bool:
        """Whether there is anything to fetch."""
        return bool(self._remotes)

    async def names_at_start(self) -> set[str]:
        """The models that the remote repositories have, at the price of one listing each.

        Raises RepositoryError if one is not there, unless it was fetched earlier and may be served
        as it was then.
        """
        found: set[str] = set()
        for remote in self._remotes.values():
            try:
                found |= set(await asyncio.to_thread(remote.files.names))
            except RepositoryError as error:
                self._serve_as_it_was(remote, error)
                found |= set(remote.cache.names)
        return found

    async def fetch_at_start(self, models: Collection[str] | None, hold: Hold) -> None:
        """Fetches these `models`, or all (None).

        Raises RepositoryError as names_at_start() does.
        """
        for remote in self._remotes.values():
            if remote in self._away:
                continue
            try:
                if models is None:
                    await self._fetch_all(remote, hold, set())
            except RepositoryError as error:
                self._serve_as_it_was(remote, error)
            for name in models or ():
                try:
                    fetched = await asyncio.to_thread(remote.fetch_model, name)
                    await self._put_all(remote, fetched, hold)
                except RepositoryError as error:
                    self._not_fetched(name, str(error))

    def _serve_as_it_was(self, remote: RemoteRepository, error: RepositoryError) -> None:
        """Raises `error` unless there is something of `remote`, and less than all may be served."""
        if not remote.cache.names or self._wants_all:
            raise error
        self._away.add(remote)
        log.error("repository_not_fetched", extra={"reason": str(error)})

    async def fetch_changes(self, hold: Hold, busy: Collection[str]) -> None:
        """Fetches what has changed, but for models that are `busy`.

        A repository that is away is logged, and stays as it was fetched last.
        """
        self.unfetched.clear()
        for remote in self._remotes.values():
            try:
                await self._fetch_all(remote, hold, busy)
            except RepositoryError as error:
                log.error("repository_not_fetched", extra={"reason": str(error)})

    async def fetch_model(self, model: str, folders: Iterable[Path]) -> None:
        """Fetches what has changed of `model`, which the caller holds, in these repositories.

        Raises RepositoryError if that fails.
        """
        for folder in folders:
            if (remote := self._remotes.get(folder)) is not None:
                fetched = await asyncio.to_thread(remote.fetch_model, model)
                await asyncio.to_thread(_put, remote, fetched, model)
                for reason in fetched.failed.values():
                    raise RepositoryError(reason)

    async def names(self, folders: Iterable[Path]) -> set[str]:
        """The models that the remote ones among these repositories have, fetched or not."""
        found: set[str] = set()
        for folder in folders:
            if (remote := self._remotes.get(folder)) is not None:
                found |= set(await asyncio.to_thread(remote.files.names))
        return found

    async def _fetch_all(self, remote: RemoteRepository, hold: Hold, busy: Collection[str]) -> None:
        await self._put_all(remote, await asyncio.to_thread(remote.fetch_all, busy), hold)

    async def _put_all(self, remote: RemoteRepository, fetched: Fetched, hold: Hold) -> None:
        """Puts each model in place while nobody loads it; a failure keeps that model as it was."""
        for name in [*(staged.model for staged in fetched.staged), *fetched.gone]:
            async with hold(name):
                try:
                    await asyncio.to_thread(_put, remote, fetched, name)
                except RepositoryError as error:
                    self._not_fetched(name, str(error))
        for name, reason in fetched.failed.items():
            self._not_fetched(name, reason)

    def _not_fetched(self, name: str, reason: str) -> None:
        self.unfetched[name] = reason
        log.error("model_not_fetched", extra={"model": name, "reason": reason})


def _put(remote: RemoteRepository, fetched: Fetched, name: str) -> None:
    for staged in fetched.staged:
        if staged.model == name:
            remote.cache.swap(staged)
    if name in fetched.gone:
        remote.cache.remove(name)
