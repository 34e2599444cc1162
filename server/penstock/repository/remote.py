# SPDX-License-Identifier: Apache-2.0
"""One remote repository and its cache: what is to be fetched, and fetching it.

Every method blocks.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from penstock.errors import RepositoryError
from penstock.repository.remote_cache import CacheFolder, Staged
from penstock.repository.remote_files import RemoteFiles
from penstock.repository.remote_listing import ModelListing, RemoteFile, fetch_plan, settled
from penstock.repository.remote_urls import RemoteAddress

__all__ = ["Fetched", "RemoteRepository"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What a look at a repository led to, and nobody sees yet.

    `staged` are states of models that are to be put in place, `gone` models to be removed, and
    `failed` those that stay as they were, with the reason.
    """

    staged: tuple[Staged, ...] = ()
    gone: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)


class RemoteRepository:
    """The repository at `address`, with its cache below `folder`.

    `room` tells how many bytes a model of the cache may have besides all others.
    """

    def __init__(
        self,
        address: RemoteAddress,
        folder: Path,
        ends: threading.Event,
        room: Callable[["RemoteRepository", str], int],
    ) -> None:
        self.address = address
        self.files = RemoteFiles(address, ends)
        self.cache = CacheFolder(folder / address.slug, address.name)
        self._room = room

    def close(self) -> None:
        """Begins nothing more, and lets the cache go."""
        self.files.shut()
        self.cache.close()

    def fetch_all(self, busy: Collection[str]) -> Fetched:
        """Fetches what has changed, but for the models that are `busy`.

        Raises RepositoryError if the repository cannot be listed.
        """
        looked_s = time.time()
        listed = self.files.models()
        if not listed and self.cache.names:
            # More likely a store that is half away than all models removed at a time.
            raise RepositoryError(
                f"The model repository {self.address.shown} lists no model any more: those that "
                "were fetched stay."
            )
        gone = [name for name in self.cache.names if name not in listed and name not in busy]
        wanted = {name: model for name, model in listed.items() if name not in busy}
        return self._fetched(wanted, gone, looked_s)

    def fetch_model(self, name: str) -> Fetched:
        """Fetches what has changed of one model."""
        looked_s = time.time()
        model = self.files.model(name)
        if model is None:
            return Fetched(gone=(name,) if name in self.cache.names else ())
        return self._fetched({name: model}, [], looked_s)

    def _fetched(
        self, wanted: Mapping[str, ModelListing], gone: Collection[str], looked_s: float
    ) -> Fetched:
        staged: list[Staged] = []
        failed: dict[str, str] = {}
        for name, model in sorted(wanted.items()):
            try:
                if (one := self._staged(name, model, looked_s)) is not None:
                    staged.append(one)
            except RepositoryError as error:
                failed[name] = str(error)
        return Fetched(staged=tuple(staged), gone=tuple(gone), failed=failed)

    def _staged(self, name: str, model: ModelListing, looked_s: float) -> Staged | None:
        if model.refusal:
            raise RepositoryError(
                f"Model {name!r} of {self.address.shown} is not fetched: {model.refusal}"
            )
        held = self.cache.held(name)
        plan = fetch_plan(held.files, held.folders, model)
        if plan.is_nothing and held.root is not None:
            return None
        room = self._room(self, name)
        if model.size > room:
            raise RepositoryError(
                f"Model {name!r} of {self.address.shown} has {model.size} bytes, and there is "
                f"room for {max(room, 0)}: --model-repository-cache-bytes-max bounds all models "
                "together."
            )
        begun = time.monotonic()
        one = self.cache.stage(
            name,
            settled(model, looked_s),
            plan,
            fetch=self._fetch,
            together=self.files.together,
            bytes_max=room,
        )
        log.info(
            "model_fetched",
            extra={
                "model": name,
                "repository": self.address.shown,
                "files": len(plan.fetch),
                "bytes": sum(one.held.files[path].size for path in plan.fetch),
                "seconds": round(time.monotonic() - begun, 3),
            },
        )
        return one

    def _fetch(self, file: RemoteFile, target: Path, bytes_max: int) -> None:
        self.files.fetch(file, target, bytes_max=bytes_max)
