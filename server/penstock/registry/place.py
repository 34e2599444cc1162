# SPDX-License-Identifier: Apache-2.0
"""Where a registry is: a file of SQLite with a folder beside it, or a server of MLflow.

Checked without importing MLflow, so that a wrong URI is told at once.
"""

import os
import socket
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from penstock.errors import RegistryError

__all__ = ["RegistryPlace", "check_reachable", "registry_place", "shown_uri"]

_SQLITE = "sqlite:///"
_SERVERS = {"http": 80, "https": 443}
_DATABASES = ("postgresql", "mysql", "mssql")
#: Seconds that a server is given to take a connection.
_CONNECT_SECONDS = 5.0
_WANTED = "wanted sqlite:///FILE, http://HOST:PORT or https://HOST"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryPlace:
    """`file`: the database, of an embedded registry; None: `uri` is a server or its database."""

    uri: str
    file: Path | None = None

    @property
    def opened_uri(self) -> str:
        """What MLflow opens. Of an embedded registry in a form with which SQLite makes no empty
        one in the place of a file that was moved away: that would be a registry of no models.
        """
        if self.file is None:
            return self.uri
        twice = quote(quote(str(self.file)))  # for SQLAlchemy, and for SQLite
        return f"{_SQLITE}file:{twice}?mode=rw&uri=true"

    @property
    def artifacts(self) -> Path | None:
        """The folder where an embedded registry keeps files."""
        return self.file.parent / f"{self.file.stem}-artifacts" if self.file else None


def registry_place(uri: str, *, folder: Path) -> RegistryPlace:
    """The place that `uri` names; a relative file is one of `folder`. Pure.

    Raises:
        RegistryError: it is no URI of a registry.
    """
    if uri.startswith(_SQLITE):
        path = Path(uri.removeprefix(_SQLITE)).expanduser()
        if not path.name:
            raise RegistryError(f"The registry {uri!r} names no file: wanted sqlite:///FILE.")
        file = Path(os.path.abspath(folder / path))
        return RegistryPlace(uri=f"{_SQLITE}{file}", file=file)
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError as error:
        raise RegistryError(f"The registry {shown_uri(uri)!r} is no URI: {error}.") from None
    scheme = parts.scheme.partition("+")[0]
    if scheme in _SERVERS and parts.hostname and port != 0:
        return RegistryPlace(uri=uri.rstrip("/"))
    if scheme in _DATABASES and parts.hostname:
        return RegistryPlace(uri=uri)
    raise RegistryError(f"The registry {shown_uri(uri)!r} cannot be used: {_WANTED}.")


def check_reachable(place: RegistryPlace, *, creates: bool) -> None:
    """Raise RegistryError unless the registry can be spoken to now.

    `creates`: an embedded one that is not there yet may be made.
    """
    if place.file is not None:
        _check_file(place.file, creates=creates)
        return
    parts = urlsplit(place.uri)
    port = parts.port or _SERVERS.get(parts.scheme)
    if port is None:
        return  # a database, whose driver knows
    try:
        socket.create_connection((parts.hostname or "", port), _CONNECT_SECONDS).close()
    except OSError as error:
        raise RegistryError(
            f"No MLflow server answers at {shown_uri(place.uri)}: {error.strerror or error}. Start "
            "one, or name another registry."
        ) from None


def _check_file(file: Path, *, creates: bool) -> None:
    if not file.exists() and not creates:
        raise RegistryError(
            f"There is no registry at {file}: `penstock train` makes one, or name another with "
            "--registry."
        )
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.exists() and file.stat().st_size and not _is_database(file):
            raise RegistryError(f"{file} is no database of SQLite, so it is no registry.")
        if creates and not file.exists():
            # Nothing is left there: the run may fail before it has anything to register.
            with tempfile.TemporaryFile(dir=file.parent):
                pass
        elif creates:
            # Asks the file system and SQLite at once: permissions, a full disk, a read-only mount.
            with sqlite3.connect(file, timeout=_CONNECT_SECONDS) as database:
                database.execute("BEGIN IMMEDIATE")
                database.rollback()
            database.close()
    except (OSError, sqlite3.Error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise RegistryError(
            f"The registry {file} cannot be written: {reason}. Name another place, or mend its "
            "permissions."
        ) from None


def _is_database(file: Path) -> bool:
    # By SQLite and never by open(): to close a file ends all locks that this process has on it,
    # those of a transaction included.
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as database:
        try:
            database.execute("PRAGMA schema_version").fetchone()
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
                return False
            raise
    return True


def shown_uri(uri: str) -> str:
    """`uri` without the user and the password that it may hold. Pure."""
    scheme, has_scheme, rest = uri.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{has_scheme}{authority.rpartition('@')[2]}{slash}{path}"
