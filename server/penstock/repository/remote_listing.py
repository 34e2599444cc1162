# SPDX-License-Identifier: Apache-2.0
"""What a remote repository lists, and what of it is to be fetched. Pure.

A listing is written by others: a name in it is taken only if it stays below the repository, and
every part of it can be a file's name. What is wrong with a model's names refuses that model alone.
"""

import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import unquote

from penstock.errors import RepositoryError
from penstock.repository.override import PATH_PARTS_MAX, is_file_name

__all__ = [
    "FILES_MAX",
    "Entry",
    "FetchPlan",
    "HeldFile",
    "ModelListing",
    "RemoteFile",
    "fetch_plan",
    "file_mark",
    "folder_links",
    "listed_models",
    "path_below",
    "settled",
]

#: Files and folders of one repository.
FILES_MAX = 100_000

#: What file systems tell of a file that tells one state of it from another; those that tell of
#: its content first.
CONTENT_KEYS = ("ETag", "etag", "generation", "md5Hash", "Content-MD5", "content_md5", "Digest")
TIME_KEYS = (
    "Last-Modified", "LastModified", "last_modified", "updated", "mtime", "ino", "modified",
    "created",
)  # fmt: skip

#: A web server's time of a file is a whole second, and its clock may be another.
UNSETTLED_S = 5.0
WEB_TIME = "Last-Modified="

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """A file as it is listed: where it is, and what tells one state of it from another.

    `size` is None and `mark` empty where nothing is told.
    """

    source: str
    size: int | None
    mark: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelListing:
    """A model's files and folders, by their paths below its own. `refusal`: why it is not taken."""

    files: Mapping[str, RemoteFile] = field(default_factory=dict)
    folders: frozenset[str] = frozenset()
    refusal: str = ""

    @property
    def size(self) -> int:
        """Bytes of all files, as far as told."""
        return sum(file.size or 0 for file in self.files.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldFile:
    """A file of the cache, as it was listed when it was fetched."""

    size: int
    mark: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchPlan:
    """What makes the cache's folder of a model equal to what is listed."""

    fetch: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    has_other_folders: bool = False

    @property
    def is_nothing(self) -> bool:
        """Whether they are equal as they are."""
        return not (self.fetch or self.gone or self.has_other_folders)


def fetch_plan(
    held: Mapping[str, HeldFile], folders: frozenset[str], listed: ModelListing
) -> FetchPlan:
    """What is to be done, `held` and `folders` being what the cache has of the model.

    A file without a mark is fetched each time: nothing tells whether it is what it was.
    """
    keep = {
        path
        for path, file in listed.files.items()
        if file.mark
        and path in held
        and held[path].mark == file.mark
        and file.size in (None, held[path].size)
    }
    return FetchPlan(
        fetch=tuple(sorted(listed.files.keys() - keep)),
        keep=tuple(sorted(keep)),
        gone=tuple(sorted(held.keys() - listed.files.keys())),
        has_other_folders=folders != listed.folders,
    )


def listed_models(
    entries: Iterable[Entry], root: str, *, is_web: bool = False
) -> dict[str, ModelListing]:
    """The models of a repository at `root` by name, from the entries below it.

    Files beside the models' folders are left out, and so are hidden folders. Raises RepositoryError
    if an entry is not below `root`, or if there are too many.
    """
    files: dict[str, dict[str, RemoteFile]] = {}
    folders: dict[str, set[str]] = {}
    refusals: dict[str, str] = {}
    for count, entry in enumerate(entries):
        if count >= FILES_MAX:
            raise RepositoryError(f"it lists more than {FILES_MAX} files and folders.")
        name = str(entry["name"])
        if not (parts := path_below(root, name, is_web=is_web)):
            continue
        model, *rest = parts
        if not is_file_name(model):
            raise RepositoryError(f"it lists {name!r}, which is not below it.")
        is_folder = entry.get("type") == "directory" or name.endswith("/")
        if model.startswith(".") or not (rest or is_folder):
            continue
        path = "/".join(rest)
        mine = folders.setdefault(model, set())
        if len(rest) > PATH_PARTS_MAX or not all(is_file_name(part) for part in rest):
            refusals[model] = f"its file {path!r} is not below its folder, or deeper than "
            refusals[model] += f"{PATH_PARTS_MAX} folders."
            continue
        above = range(1, len(rest) + is_folder)
        mine.update("/".join(rest[:depth]) for depth in above)
        if not is_folder:
            size = entry.get("size")
            files.setdefault(model, {})[path] = RemoteFile(
                source=name, size=None if size is None else int(size), mark=file_mark(entry)
            )
    return {
        model: _model(files.get(model, {}), frozenset(mine), refusals.get(model, ""))
        for model, mine in folders.items()
    }


def _model(files: Mapping[str, RemoteFile], folders: frozenset[str], refusal: str) -> ModelListing:
    if not refusal and (both := files.keys() & folders):
        refusal = f"{min(both)!r} is listed as a file and as a folder."
    if refusal:
        return ModelListing(refusal=refusal)
    return ModelListing(files=files, folders=folders)


def path_below(root: str, name: str, *, is_web: bool = False) -> list[str]:
    """The parts of the path from `root` to `name`; none if they are the same.

    Raises RepositoryError if `name` does not begin with `root`. Whether the parts are plain names
    is for the caller to see.
    """
    # Some file systems write a slash before the first part, and some do not.
    top, place = root.strip("/"), name.rstrip("/").removeprefix("/")
    if place == top:
        return []
    if top and not place.startswith(f"{top}/"):
        raise RepositoryError(f"it lists {name!r}, which is not below it.")
    parts = place[len(top) + 1 if top else 0 :].split("/")
    return [html.unescape(unquote(part)) for part in parts] if is_web else parts


def folder_links(entries: Iterable[Entry], folder: str) -> list[Entry]:
    """Of the links that a page of a web server's folder has, those to what lies in the folder.

    Others lead to the same folder sorted otherwise, to itself or to the one above.
    """
    found: dict[str, Entry] = {}
    top = folder.rstrip("/")
    for entry in entries:
        name = str(entry["name"])
        if "?" in name or "#" in name or not name.startswith(f"{top}/"):
            continue
        rest = name[len(top) + 1 :].removeprefix("./")
        if rest in ("", ".", "..", "../") or "/" in rest.rstrip("/"):
            continue
        found[rest] = {**entry, "name": f"{top}/{rest}"}
    return list(found.values())


def file_mark(entry: Entry) -> str:
    """What tells this state of a file from others; empty if nothing does."""
    for keys in (CONTENT_KEYS, TIME_KEYS):
        if told := [f"{key}={entry[key]}" for key in keys if entry.get(key)]:
            return " ".join(told)
    return ""


def settled(listed: ModelListing, now_s: float) -> ModelListing:
    """`listed` without the marks that may not tell of the next change.

    A file that was written again in the second in which it was looked at has the same time. So one
    that is that young, and has nothing but a time, is fetched again at the next look.
    """
    files = {
        path: replace(file, mark="") if _is_unsettled(file.mark, now_s) else file
        for path, file in listed.files.items()
    }
    return replace(listed, files=files)


def _is_unsettled(mark: str, now_s: float) -> bool:
    if not mark.startswith(WEB_TIME):
        return False
    try:
        return parsedate_to_datetime(mark.removeprefix(WEB_TIME)).timestamp() > now_s - UNSETTLED_S
    except ValueError:
        return True
