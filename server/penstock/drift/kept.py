# SPDX-License-Identifier: Apache-2.0
"""Where monitoring is kept, so that a restart goes on with it: `drift.sqlite` below --state-dir.

Of each version there is what its monitor knew once (a snapshot), and the counts of each tick since
then. Whoever kills the process loses the tick that goes on.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from penstock.errors import DamagedError
from penstock.state_file import StateFile

__all__ = ["FILE_NAME", "UPGRADES", "Kept", "KeptMonitors", "open_kept"]

log = logging.getLogger(__name__)

FILE_NAME = "drift.sqlite"
#: What makes of a file of version N one of N + 1, by N. The version is SQLite's user_version.
UPGRADES = (
    """
    CREATE TABLE monitors (
        model TEXT NOT NULL, version INTEGER NOT NULL, identity TEXT NOT NULL,
        profile TEXT NOT NULL, snapshot BLOB, changed_ms INTEGER NOT NULL,
        PRIMARY KEY (model, version)
    ) STRICT;
    CREATE TABLE ticks (
        model TEXT NOT NULL, version INTEGER NOT NULL, number INTEGER NOT NULL,
        taken BLOB NOT NULL, PRIMARY KEY (model, version, number)
    ) STRICT;
    """,
)
#: Versions that nobody has watched for so long are forgotten; of more than so many, the oldest.
KEPT_MS = 60 * 86_400_000
VERSIONS_MAX = 10_000
#: Of one version.
FRAMES_MAX = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is kept of a version.

    `identity`: of what it is watched by, so that another profile begins anew. `profile`: the JSON
    of one that was made of its live rows; "": there is none. `frames`: counts since `snapshot`.
    """

    identity: str
    profile: str = ""
    snapshot: bytes | None = None
    frames: tuple[bytes, ...] = ()


class KeptMonitors:
    """Used by one thread at a time, any one. Calls block, and raise StoreError."""

    def __init__(
        self,
        folder: Path | None,
        *,
        upgrades: Sequence[str] = UPGRADES,
        frames_max: int = FRAMES_MAX,
    ) -> None:
        """`folder` None: in a file of SQLite's own that is gone at the end."""
        self._file = StateFile(folder, FILE_NAME, what="state of monitoring", temporary="")
        self._database = self._file.open(upgrades)
        self._frames_max = frames_max

    def get(self, model: str, version: int) -> Kept | None:
        """What is kept of a version."""
        with self._file.reading():
            row = self._database.execute(
                "SELECT identity, profile, snapshot FROM monitors WHERE model = ? AND version = ?",
                (model, version),
            ).fetchone()
            if row is None:
                return None
            frames = self._database.execute(
                "SELECT taken FROM ticks WHERE model = ? AND version = ? ORDER BY number",
                (model, version),
            ).fetchall()
        identity, profile, snapshot = row
        return Kept(
            identity=identity,
            profile=profile,
            snapshot=snapshot,
            frames=tuple(frame for (frame,) in frames),
        )

    def begin(
        self, model: str, version: int, identity: str, now_ms: int, *, profile: str = ""
    ) -> None:
        """Keeps nothing more of what was before, and from now on what comes."""
        with self._file.writing(self._database):
            self._database.execute(
                "DELETE FROM ticks WHERE model = ? AND version = ?", (model, version)
            )
            self._database.execute(
                "INSERT OR REPLACE INTO monitors VALUES (?, ?, ?, ?, NULL, ?)",
                (model, version, identity, profile, now_ms),
            )

    def add(self, model: str, version: int, frames: Sequence[bytes], now_ms: int) -> None:
        """Counts of one tick, besides those before."""
        with self._file.writing(self._database):
            (last,) = self._database.execute(
                "SELECT coalesce(max(number), 0) FROM ticks WHERE model = ? AND version = ?",
                (model, version),
            ).fetchone()
            self._database.executemany(
                "INSERT INTO ticks VALUES (?, ?, ?, ?)",
                [(model, version, last + 1 + n, frame) for n, frame in enumerate(frames)],
            )
            # So many are there only while no monitor can be asked for what it knows.
            self._database.execute(
                "DELETE FROM ticks WHERE model = ? AND version = ? AND number <= ?",
                (model, version, last + len(frames) - self._frames_max),
            )
            self._touch(model, version, now_ms)

    def save(self, model: str, version: int, snapshot: bytes, now_ms: int) -> None:
        """What its monitor knows, in the place of the snapshot and of all counts before."""
        with self._file.writing(self._database):
            self._database.execute(
                "UPDATE monitors SET snapshot = ? WHERE model = ? AND version = ?",
                (snapshot, model, version),
            )
            self._database.execute(
                "DELETE FROM ticks WHERE model = ? AND version = ?", (model, version)
            )
            self._touch(model, version, now_ms)

    def _touch(self, model: str, version: int, now_ms: int) -> None:
        self._database.execute(
            "UPDATE monitors SET changed_ms = ? WHERE model = ? AND version = ?",
            (now_ms, model, version),
        )

    def forget_old(self, now_ms: int) -> None:
        """Keeps nothing more of versions that nobody watches any more."""
        with self._file.writing(self._database):
            self._database.execute(
                "DELETE FROM monitors WHERE changed_ms < ? OR rowid NOT IN "
                "(SELECT rowid FROM monitors ORDER BY changed_ms DESC LIMIT ?)",
                (now_ms - KEPT_MS, VERSIONS_MAX),
            )
            self._database.execute(
                "DELETE FROM ticks WHERE (model, version) NOT IN "
                "(SELECT model, version FROM monitors)"
            )

    def close(self) -> None:
        """Nothing is called after it."""
        self._database.close()


def open_kept(folder: Path | None) -> KeptMonitors:
    """What is kept in `folder`. A file that is damaged is moved aside, and told to the log.

    Raises StoreError where nothing can be kept there.
    """
    try:
        return KeptMonitors(folder)
    except DamagedError as error:
        if folder is None:
            raise
        path = folder / FILE_NAME
        log.warning("drift_state_damaged", extra={"reason": str(error)})
        for suffix in ("-wal", "-shm"):
            path.with_name(FILE_NAME + suffix).unlink(missing_ok=True)
        path.replace(path.with_name(f"{FILE_NAME}.damaged"))
        return KeptMonitors(folder)
