# SPDX-License-Identifier: Apache-2.0
"""fsspec's file systems: what is used of them, and how one is opened.

fsspec has no types. It, and what it needs for a protocol, are imported when a repository asks for
them.
"""

import importlib
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

from penstock.errors import RepositoryError
from penstock.repository.remote_listing import Entry
from penstock.repository.remote_urls import PACKAGES, RemoteAddress

__all__ = ["FileSystem", "meter", "open_system"]

#: A server that says nothing for so long is away.
CONNECT_SECONDS_MAX = 10.0
SILENCE_SECONDS_MAX = 20.0


class FileSystem(Protocol):
    """What is used of fsspec's file systems."""

    def ls(self, path: str, detail: bool) -> Sequence[Entry]: ...  # noqa: D102

    def find(self, path: str, *, withdirs: bool, detail: bool) -> Mapping[str, Entry]: ...  # noqa: D102

    def info(self, path: str) -> Entry: ...  # noqa: D102

    def get_file(self, rpath: str, lpath: str, *, callback: Any) -> None: ...  # noqa: D102

    def invalidate_cache(self) -> None: ...  # noqa: D102


def open_system(address: RemoteAddress) -> tuple[FileSystem, str]:
    """The file system of `address`, and the repository's path in it."""
    package = PACKAGES.get(address.protocol, "fsspec")
    try:
        core = importlib.import_module("fsspec.core")
        if address.is_web:
            importlib.import_module("aiohttp")
        options = {**address.options, **_defaults(address), "skip_instance_cache": True}
        system, root = core.url_to_fs(address.url, **options)
    except ImportError as error:
        missing = "fsspec" if (error.name or "").startswith("fsspec") else package
        raise RepositoryError(
            f"The model repository {address.shown} requires the package {missing}: "
            "pip install 'penstock[remote]'."
        ) from None
    except Exception as error:
        raise RepositoryError(
            f"The model repository {address.shown} cannot be opened: {address.told(error)}"
        ) from None
    return cast(FileSystem, system), str(root).rstrip("/")


def _defaults(address: RemoteAddress) -> dict[str, Any]:
    if not address.is_web:
        return {}
    aiohttp = importlib.import_module("aiohttp")
    timeout = aiohttp.ClientTimeout(
        total=None, sock_connect=CONNECT_SECONDS_MAX, sock_read=SILENCE_SECONDS_MAX
    )
    return {
        "simple_links": False,  # links of the page alone, not whatever looks like one
        "headers": {"Accept-Encoding": "identity"},  # sizes are those of the files
        "client_kwargs": {"timeout": timeout, "trust_env": True},
    }


def meter(size_max: int, ends: threading.Event) -> Any:
    """Stops a transfer that brings more than it may, or that is wanted no more."""
    callbacks = importlib.import_module("fsspec.callbacks")

    def check(size: int | None, value: int, **_: object) -> None:
        if value > size_max:
            raise RepositoryError(f"a file has more than the {size_max} bytes it may have.")
        if ends.is_set():
            raise RepositoryError("the server stops.")

    return callbacks.Callback(hooks={"check": check})
