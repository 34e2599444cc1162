# SPDX-License-Identifier: Apache-2.0
"""A remote repository through fsspec: what it lists, and its files, one at a time.

Every method blocks and may be called from any thread. Whatever goes wrong is a
RemoteRepositoryError that names the repository and nothing secret.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from penstock.errors import RemoteRepositoryError, RepositoryError
from penstock.repository.override import PATH_PARTS_MAX
from penstock.repository.remote_listing import (
    FILES_MAX,
    Entry,
    ModelListing,
    RemoteFile,
    folder_links,
    listed_models,
    path_below,
)
from penstock.repository.remote_systems import meter, open_system
from penstock.repository.remote_urls import RemoteAddress

__all__ = ["CALLS_AT_ONCE", "RETRY_DELAYS_S", "RemoteFiles", "is_transient"]

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Files that are fetched, or looked at, at the same time.
CALLS_AT_ONCE = 8
#: Waits before a call that failed for no lasting reason is made again.
RETRY_DELAYS_S = (0.2, 1.0, 4.0)
#: Errors that the next try would meet again.
LASTING = (
    FileNotFoundError, PermissionError, NotADirectoryError, IsADirectoryError, RepositoryError,
    ImportError, TypeError, ValueError, NotImplementedError,
)  # fmt: skip
#: Statuses of HTTP that ask for another try although they begin with a 4.
PASSING_STATUSES = frozenset({408, 425, 429})


def is_transient(error: BaseException) -> bool:
    """Whether the same call may well succeed in a moment."""
    status = getattr(error, "status", None) or getattr(error, "code", None)
    if isinstance(status, int) and 400 <= status < 500:
        return status in PASSING_STATUSES
    return not isinstance(error, LASTING)


class RemoteFiles:
    """The repository at `address`. Calls end early once `ends` is set."""

    def __init__(
        self,
        address: RemoteAddress,
        ends: threading.Event,
        *,
        delays_s: Sequence[float] | None = None,
    ) -> None:
        self._address = address
        self._ends = ends
        # The packages for object stores try again by themselves, for longer than this.
        own = () if address.is_object_store else RETRY_DELAYS_S
        self._delays_s = own if delays_s is None else delays_s
        self._system, self._root = open_system(address)
        self._pool = ThreadPoolExecutor(CALLS_AT_ONCE, "penstock-fetch")

    def shut(self) -> None:
        """Begins no further call; one that is under way is not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    # --- what there is ---

    def names(self) -> list[str]:
        """The models that the repository has, or is said to have, at the price of one listing."""
        return sorted(self._guarded(lambda: self._listed(self._top())))

    def models(self) -> dict[str, ModelListing]:
        """Everything the repository has, by model."""
        return self._guarded(lambda: self._listed(self._everything()))

    def model(self, name: str) -> ModelListing | None:
        """What the repository has of one model; None if it has no such folder."""
        place = f"{self._root}/{quote(name) if self._address.is_web else name}"
        return self._guarded(lambda: self._model(name, place))

    def _model(self, name: str, place: str) -> ModelListing | None:
        if self._address.is_object_store:
            found = self._tree(place)
            if not any(_is_folder(one) or path_below(place, str(one["name"])) for one in found):
                return None
        else:
            try:
                found = self._ls(place)
            except (FileNotFoundError, NotADirectoryError):
                return None
            found = [*found, *self._below(found)]
        return self._listed([{"name": place, "type": "directory"}, *found]).get(name)

    def _listed(self, entries: Sequence[Entry]) -> dict[str, ModelListing]:
        return listed_models(entries, self._root, is_web=self._address.is_web)

    def _top(self, *, is_whole: bool = False) -> list[Entry]:
        """The repository's own files and folders; `is_whole`: those below, too."""
        try:
            # A wrong name has an empty tree, either; the second call tells.
            found = (is_whole and self._tree(self._root)) or self._ls(self._root)
        except FileNotFoundError:
            raise RemoteRepositoryError(
                f"There is no model repository {self._address.shown}."
            ) from None
        if not found and self._address.is_web:
            raise RepositoryError("it lists no folder: wanted a server that lists its folders.")
        return found

    def _everything(self) -> list[Entry]:
        if self._address.is_object_store:
            return self._top(is_whole=True)
        folders = [one for one in self._top() if _is_folder(one) and not _is_hidden(one)]
        return [
            *folders,
            *(one for found in self._pool.map(self._inside, folders) for one in found),
        ]

    def _inside(self, folder: Entry) -> list[Entry]:
        return self._below([folder])

    def _below(self, entries: Sequence[Entry]) -> list[Entry]:
        """Everything in those of `entries` that are folders, at any depth."""
        found: list[Entry] = []
        folders = [(one, 1) for one in entries if _is_folder(one)]
        while folders:
            folder, depth = folders.pop()
            inside = self._ls(str(folder["name"]).rstrip("/"))
            found += inside
            if len(found) > FILES_MAX or depth > PATH_PARTS_MAX:
                raise RepositoryError(
                    f"{folder['name']} is one of more than {FILES_MAX} files, or below "
                    f"{PATH_PARTS_MAX} folders."
                )
            folders += [(one, depth + 1) for one in inside if _is_folder(one)]
        return found

    def _tree(self, folder: str) -> list[Entry]:
        self._system.invalidate_cache()
        found = self._again(lambda: self._system.find(folder, withdirs=True, detail=True))
        return list(found.values())

    def _ls(self, folder: str) -> list[Entry]:
        """The files and folders in `folder`."""
        self._system.invalidate_cache()
        if self._address.is_web:
            page = self._again(lambda: self._system.ls(f"{folder}/", detail=True))
            return [self._looked_at(link) for link in folder_links(page, folder)]
        found = self._again(lambda: self._system.ls(folder, detail=True))
        if (
            len(found) == 1
            and not _is_folder(found[0])
            and not path_below(folder, str(found[0]["name"]))
        ):
            raise NotADirectoryError(f"{folder} is a file.")
        followed = [self._looked_at(one) if one.get("islink") else one for one in found]
        # A link to a folder may lead back here.
        return [
            one
            for one in followed
            if one.get("type") == "file" or (_is_folder(one) and not one.get("islink"))
        ]

    def _looked_at(self, entry: Entry) -> Entry:
        """What a file tells of itself: pages have names only, and links not what they lead to."""
        if _is_folder(entry):
            return entry
        name = str(entry["name"])
        try:
            return {**self._again(lambda: self._system.info(name)), "name": name}
        except FileNotFoundError as error:
            # It was listed a moment ago. Its folder is there: that must not be taken for gone.
            raise OSError(self._told(error) or name) from None

    # --- files ---

    def fetch(self, file: RemoteFile, target: Path, *, bytes_max: int) -> None:
        """Writes `file` to `target`, which is new.

        Fails if it has another size than was listed, or more than `bytes_max` bytes.
        """
        size_max = bytes_max if file.size is None else min(bytes_max, file.size)
        self._guarded(lambda: self._again(lambda: self._fetch(file, target, size_max)))

    def _fetch(self, file: RemoteFile, target: Path, size_max: int) -> None:
        self._system.get_file(file.source, str(target), callback=meter(size_max, self._ends))
        size = target.stat().st_size
        if size > size_max or file.size not in (None, size):
            raise OSError(f"{target.name} has {size} bytes, which is not what was listed.")

    def together(self, works: Sequence[Callable[[], None]]) -> None:
        """Does all `works`, several at a time; raises what the first failure raised."""
        futures = [self._pool.submit(work) for work in works]
        try:
            for future in futures:
                future.result()
        finally:
            for future in futures:
                future.cancel()
            wait(futures)

    # --- failures ---

    def _again(self, work: Callable[[], T]) -> T:
        """What `work` gives; it is tried again after failures that may pass."""
        for delay in self._delays_s:
            try:
                return work()
            # Each file system has errors of its own, and they have no root but this one.
            except Exception as raised:
                if self._ends.is_set() or not is_transient(_cause(raised)):
                    raise
                log.debug("repository_tried_again", extra={"reason": self._told(raised)})
            self._ends.wait(delay)
        return work()

    def _guarded(self, work: Callable[[], T]) -> T:
        """What `work` gives; whatever fails, fails with one sentence."""
        try:
            return work()
        except RemoteRepositoryError:
            raise
        except Exception as raised:
            raise RemoteRepositoryError(
                f"The model repository {self._address.shown} cannot be read: {self._told(raised)}"
            ) from None

    def _told(self, raised: Exception) -> str:
        error = _cause(raised)
        return self._address.told(error)


def _cause(raised: Exception) -> BaseException:
    """The error itself: of a web server, fsspec says only that a file was not found."""
    is_told = isinstance(raised, FileNotFoundError) and isinstance(raised.__cause__, Exception)
    return raised.__cause__ or raised if is_told else raised


def _is_folder(entry: Entry) -> bool:
    return entry.get("type") == "directory"


def _is_hidden(entry: Entry) -> bool:
    return str(entry["name"]).rstrip("/").rpartition("/")[2].startswith(".")
