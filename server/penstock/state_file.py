# SPDX-License-Identifier: Apache-2.0
"""Files of SQLite below --state-dir, so that a restart goes on with what is in them.

A file belongs to one connection alone: no other code of this process may open it, for closing
another descriptor of it drops the locks by which a second server is kept out (fcntl(2)).
"""

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from penstock.errors import DamagedError, StoreError

__all__ = ["Reading", "StateFile", "Writing"]


class StateFile:
    """The place of a file, and how it is opened. `what` is kept in it, as sentences call it."""

    def __init__(self, folder: Path | None, name: str, *, what: str, temporary: str) -> None:
        """`folder` None: `temporary` is SQLite's name of a place that is gone at the end."""
        self._folder = folder
        self._what = what
        self.place = temporary if folder is None else str(folder / name)

    def open(self, upgrades: Sequence[str]) -> sqlite3.Connection:
        """The database, upgraded: `upgrades` make of a file of version N one of N + 1, by N.

        Any thread may use it, one at a time. Raises StoreError for a file that is damaged, of a
        newer Penstock, or in use by another server.
        """
        try:
            if self._folder is not None:
                os.makedirs(self._folder, exist_ok=True)
            database = sqlite3.connect(
                self.place, timeout=0.0, isolation_level=None, check_same_thread=False
            )
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"The {self._what} cannot be kept in {self.place}: {error}. Give --state-dir a "
                "folder that this server may write to."
            ) from error
        try:
            self._prepare(database, upgrades)
        except sqlite3.Error as error:
            database.close()
            raise self._failed_to_open(error) from error
        except StoreError:
            database.close()
            raise
        return database

    def reading(self) -> "Reading":
        """What goes wrong within is a StoreError."""
        return Reading(self.place, self._what)

    def writing(self, database: sqlite3.Connection) -> "Writing":
        """One transaction: kept whole, or not at all and a StoreError."""
        return Writing(database, self.place, self._what)

    def _prepare(self, database: sqlite3.Connection, upgrades: Sequence[str]) -> None:
        # EXCLUSIVE: a second server on this file is told so at once. In write-ahead mode a commit
        # waits for no disk; killing the process loses none, and losing power the last ones.
        # What is deleted is overwritten: clients' data are to be gone once they are forgotten.
        for pragma in (
            "locking_mode = EXCLUSIVE",
            "journal_mode = WAL",
            "synchronous = NORMAL",
            "secure_delete = ON",
        ):
            database.execute(f"PRAGMA {pragma}").fetchall()
        (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(found)
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version > len(upgrades):
            raise StoreError(
                f"{self.place} is of a newer Penstock: its version is {version}, this one knows "
                f"{len(upgrades)}. Start the newer one, or give --state-dir another folder."
            )
        for number in range(version, len(upgrades)):
            script = f"BEGIN IMMEDIATE; {upgrades[number]}; PRAGMA user_version = {number + 1};"
            database.executescript(script + " COMMIT;")

    def _failed_to_open(self, error: sqlite3.Error) -> StoreError:
        code = getattr(error, "sqlite_errorcode", 0)
        if code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return StoreError(
                f"{self.place} is in use by another server. Give each its own --state-dir."
            )
        return DamagedError(
            f"{self.place} is damaged, or no file of {self._what}: {error}. Move it away to begin "
            f"without the {self._what} in it."
        )


class Reading:
    """What goes wrong within is a StoreError."""

    def __init__(self, place: str, what: str) -> None:
        self._place = place
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, sqlite3.Error | ValidationError):
            raise StoreError(
                f"The {self._what} in {self._place} cannot be read: {error}."
            ) from error


class Writing:
    """One transaction: kept whole, or not at all and a StoreError."""

    def __init__(self, database: sqlite3.Connection, place: str, what: str) -> None:
        self._database = database
        self._place = place
        self._what = what

    def __enter__(self) -> None:
        try:
            self._database.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            if error is None:
                self._database.execute("COMMIT")
        except sqlite3.Error as failed:
            error = failed
        if error is None:
            return
        if self._database.in_transaction:
            self._database.execute("ROLLBACK")
        if isinstance(error, sqlite3.Error):
            raise self._failed(error) from error

    def _failed(self, error: sqlite3.Error) -> StoreError:
        return StoreError(f"The {self._what} cannot be kept in {self._place}: {error}.")
