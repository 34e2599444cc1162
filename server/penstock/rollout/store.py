# SPDX-License-Identifier: Apache-2.0
"""Where rollouts are kept, so that a restart goes on with them: a small interface, and SQLite.

A store is used by one thread at a time; any thread may be that one. Each save is one transaction,
so whoever kills the process loses at most what was not saved yet: one tick.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from pydantic import TypeAdapter

from penstock.rollout.evidence import BadEvent, Evidence
from penstock.rollout.examples import ExampleStore
from penstock.rollout.record import Record
from penstock.rollout.shadow_example import ShadowExample
from penstock.rollout.spec import RolloutSpec
from penstock.rollout.status import GuardrailStatus, Transition
from penstock.state_file import StateFile

__all__ = ["FILE_NAME", "UPGRADES", "RolloutStore", "SqliteStore"]

T = TypeVar("T")

FILE_NAME = "rollouts.sqlite"

#: What makes of a file of version N one of N + 1, by N. The version is SQLite's user_version.
UPGRADES = (
    """
    CREATE TABLE rollouts (
        id TEXT PRIMARY KEY, model TEXT NOT NULL, stable INTEGER NOT NULL,
        candidate INTEGER NOT NULL, number INTEGER NOT NULL, salt TEXT NOT NULL, spec TEXT NOT NULL,
        state TEXT NOT NULL, canary_bp INTEGER NOT NULL, started_ms INTEGER NOT NULL,
        why TEXT NOT NULL, is_paused INTEGER NOT NULL, ended_ms INTEGER, elapsed_s REAL NOT NULL,
        epoch INTEGER NOT NULL, clock_jumps INTEGER NOT NULL, is_told INTEGER NOT NULL,
        guardrails TEXT NOT NULL
    ) STRICT;
    CREATE TABLE transitions (
        rollout TEXT NOT NULL, number INTEGER NOT NULL, wall_ms INTEGER NOT NULL,
        state TEXT NOT NULL, canary_bp INTEGER NOT NULL, decided_by TEXT NOT NULL,
        why TEXT NOT NULL, PRIMARY KEY (rollout, number)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE lives (
        rollout TEXT NOT NULL, number INTEGER NOT NULL, evidence TEXT NOT NULL,
        PRIMARY KEY (rollout, number)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE events (
        rollout TEXT NOT NULL, number INTEGER NOT NULL, wall_ms INTEGER NOT NULL,
        guardrail TEXT NOT NULL, kind TEXT NOT NULL, is_canary INTEGER NOT NULL,
        epoch INTEGER NOT NULL, canary_bp INTEGER NOT NULL, both_bp INTEGER NOT NULL,
        key_hash TEXT NOT NULL, canary_good INTEGER NOT NULL, baseline_good INTEGER NOT NULL,
        counts INTEGER NOT NULL,
        PRIMARY KEY (rollout, number)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE numbers (
        model TEXT NOT NULL, stable INTEGER NOT NULL, candidate INTEGER NOT NULL,
        count INTEGER NOT NULL, PRIMARY KEY (model, stable, candidate)
    ) STRICT, WITHOUT ROWID;
    """,
    """
    CREATE TABLE examples (
        rollout TEXT NOT NULL, life INTEGER NOT NULL, number INTEGER NOT NULL,
        shadow TEXT NOT NULL, wall_ms INTEGER NOT NULL, key_hash TEXT NOT NULL, pair TEXT NOT NULL,
        PRIMARY KEY (rollout, life, number)
    ) STRICT, WITHOUT ROWID;
    """,
)

_RECORD_COLUMNS = (
    "id", "model", "stable", "candidate", "number", "salt", "spec", "state", "canary_bp",
    "started_ms", "why", "is_paused", "ended_ms", "elapsed_s", "epoch", "clock_jumps", "is_told",
    "guardrails",
)  # fmt: skip
_EVENT_COLUMNS = (
    "wall_ms", "guardrail", "kind", "is_canary", "epoch", "canary_bp", "both_bp", "key_hash",
    "canary_good", "baseline_good", "counts",
)  # fmt: skip
_EVIDENCE = TypeAdapter(Evidence)
_TRANSITION = TypeAdapter(Transition)
_EVENT = TypeAdapter(BadEvent)
_GUARDRAILS = TypeAdapter(tuple[GuardrailStatus, ...])


class RolloutStore(ExampleStore, Protocol):
    """Rollouts, their bad events and examples. Calls block, and raise StoreError."""

    def records(self) -> Sequence[Record]:
        """All that are kept, oldest first."""

    def next_numbers(self, model: str, stable: int, candidate: int) -> tuple[int, int]:
        """Of a rollout that begins: its number among those of the model, and of this pair. From
        1 on; no number comes twice, also if a rollout was forgotten.
        """

    def save(self, record: Record, events: Sequence[BadEvent] = ()) -> None:
        """Keeps the record as it is now, and these events besides those kept before: all or
        nothing.
        """

    def events(self, rollout: str) -> Sequence[BadEvent]:
        """The bad events of a rollout, in the order in which they were saved."""

    def forget(self, rollout: str) -> None:
        """Keeps nothing more of it but its numbers."""

    def close(self) -> None:
        """Nothing is called after it."""


class SqliteStore:
    """A RolloutStore in `rollouts.sqlite` below a folder, or in memory."""

    def __init__(self, folder: Path | None, *, upgrades: Sequence[str] = UPGRADES) -> None:
        """`folder`: made if it is not there; None: in memory, so a restart forgets all rollouts.

        Raises StoreError for a file that is damaged, of a newer Penstock, or in use by another
        server.
        """
        self._file = StateFile(folder, FILE_NAME, what="rollouts", temporary=":memory:")
        self._count: dict[str, int] = {}  # of events, by rollout
        self._database = self._file.open(upgrades)

    def records(self) -> list[Record]:
        """See RolloutStore."""
        columns = ", ".join(_RECORD_COLUMNS)
        with self._file.reading():
            rows = self._database.execute(f"SELECT {columns} FROM rollouts ORDER BY rowid")
            return [self._record(row) for row in rows.fetchall()]

    def _record(self, row: Sequence[object]) -> Record:
        plain = dict(zip(_RECORD_COLUMNS, row, strict=True))
        key = (plain["id"],)
        log = self._database.execute(
            "SELECT wall_ms, state, canary_bp, decided_by, why FROM transitions "
            "WHERE rollout = ? ORDER BY number",
            key,
        )
        lives = self._database.execute(
            "SELECT evidence FROM lives WHERE rollout = ? ORDER BY number", key
        )
        transition = ("wall_ms", "state", "canary_bp", "by", "why")
        return _RECORD.validate_python(
            {
                **plain,
                "salt": int(str(plain["salt"])),
                "spec": RolloutSpec.model_validate_json(str(plain["spec"])),
                "log": tuple(
                    _TRANSITION.validate_python(dict(zip(transition, line, strict=True)))
                    for line in log
                ),
                "lives": tuple(_EVIDENCE.validate_python(json.loads(text)) for (text,) in lives),
                "guardrails": json.loads(str(plain["guardrails"])),
            }
        )

    def next_numbers(self, model: str, stable: int, candidate: int) -> tuple[int, int]:
        """See RolloutStore."""
        with self._file.writing(self._database):
            self._database.execute(
                "INSERT INTO numbers VALUES (?, ?, ?, 1) "
                "ON CONFLICT DO UPDATE SET count = count + 1",
                (model, stable, candidate),
            )
            (of_model,) = self._database.execute(
                "SELECT sum(count) FROM numbers WHERE model = ?", (model,)
            ).fetchone()
            (of_pair,) = self._database.execute(
                "SELECT count FROM numbers WHERE model = ? AND stable = ? AND candidate = ?",
                (model, stable, candidate),
            ).fetchone()
        return of_model, of_pair

    def save(self, record: Record, events: Sequence[BadEvent] = ()) -> None:
        """See RolloutStore."""
        plain: dict[str, object] = {name: getattr(record, name) for name in _RECORD_COLUMNS}
        plain |= {
            "salt": str(record.salt),
            "spec": record.spec.model_dump_json(),
            "guardrails": _text(_GUARDRAILS, record.guardrails),
        }
        first = self._event_count(record.id)
        changes = ", ".join(f"{name} = excluded.{name}" for name in _RECORD_COLUMNS[1:])
        with self._file.writing(self._database):
            self._database.execute(
                f"INSERT INTO rollouts ({', '.join(_RECORD_COLUMNS)}) "
                f"VALUES ({', '.join('?' * len(plain))}) ON CONFLICT DO UPDATE SET {changes}",
                tuple(plain.values()),
            )
            self._save_log(record)
            if record.lives:
                self._database.execute(
                    "INSERT OR REPLACE INTO lives VALUES (?, ?, ?)",
                    (
                        record.id,
                        len(record.lives) - 1,
                        _text(_EVIDENCE, record.lives[-1]),
                    ),
                )
            self._database.executemany(
                f"INSERT INTO events (rollout, number, {', '.join(_EVENT_COLUMNS)}) "
                f"VALUES ({', '.join('?' * (2 + len(_EVENT_COLUMNS)))})",
                [
                    (record.id, first + index, *_event_row(event))
                    for index, event in enumerate(events)
                ],
            )
        self._count[record.id] = first + len(events)

    def _save_log(self, record: Record) -> None:
        (kept,) = self._database.execute(
            "SELECT count(*) FROM transitions WHERE rollout = ?", (record.id,)
        ).fetchone()
        self._database.executemany(
            "INSERT INTO transitions VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (record.id, number, line.wall_ms, line.state, line.canary_bp, line.by, line.why)
                for number, line in enumerate(record.log[kept:], kept)
            ],
        )

    def _event_count(self, rollout: str) -> int:
        if rollout not in self._count:
            with self._file.reading():
                (count,) = self._database.execute(
                    "SELECT count(*) FROM events WHERE rollout = ?", (rollout,)
                ).fetchone()
            self._count[rollout] = count
        return self._count[rollout]

    def events(self, rollout: str) -> list[BadEvent]:
        """See RolloutStore."""
        with self._file.reading():
            rows = self._database.execute(
                f"SELECT {', '.join(_EVENT_COLUMNS)} FROM events WHERE rollout = ? ORDER BY number",
                (rollout,),
            )
            return [_EVENT.validate_python(_event_plain(row)) for row in rows]

    def forget(self, rollout: str) -> None:
        """See RolloutStore."""
        with self._file.writing(self._database):
            for table in ("events", "examples", "lives", "transitions"):
                self._database.execute(f"DELETE FROM {table} WHERE rollout = ?", (rollout,))
            self._database.execute("DELETE FROM rollouts WHERE id = ?", (rollout,))
        self._count.pop(rollout, None)
        self._drop_journal()

    def save_examples(
        self, rollout: str, life: int, examples: Sequence[ShadowExample], *, count_max: int
    ) -> None:
        """See ExampleStore."""
        with self._file.writing(self._database):
            self._database.execute(
                "DELETE FROM examples WHERE rollout = ? AND life = ?", (rollout, life)
            )
            self._database.executemany(
                "INSERT INTO examples VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (rollout, life, n, one.shadow, one.wall_ms, str(one.key_hash), one.pair_json)
                    for n, one in enumerate(examples)
                ],
            )
            self._database.execute(
                "DELETE FROM examples WHERE rollout = ?1 AND (life, number) NOT IN ("
                "SELECT life, number FROM examples WHERE rollout = ?1 "
                "ORDER BY wall_ms DESC, life DESC, number LIMIT ?2)",
                (rollout, count_max),
            )

    def examples(self, rollout: str) -> list[tuple[int, ShadowExample]]:
        """See ExampleStore."""
        with self._file.reading():
            rows = self._database.execute(
                "SELECT life, shadow, wall_ms, key_hash, pair FROM examples WHERE rollout = ? "
                "ORDER BY life, number",
                (rollout,),
            )
            return [
                (
                    life,
                    ShadowExample(
                        shadow=shadow, wall_ms=wall_ms, key_hash=int(key_hash), pair_json=pair
                    ),
                )
                for life, shadow, wall_ms, key_hash, pair in rows
            ]

    def forget_examples(self, before_ms: Mapping[str, int]) -> None:
        """See ExampleStore."""
        old = "FROM examples WHERE rollout = ? AND wall_ms < ?"
        with self._file.reading():
            found = [
                limit
                for limit in before_ms.items()
                if self._database.execute(f"SELECT 1 {old} LIMIT 1", limit).fetchone()
            ]
        if found:
            with self._file.writing(self._database):
                self._database.executemany(f"DELETE {old}", found)
            self._drop_journal()

    def _drop_journal(self) -> None:
        """The write-ahead log has deleted rows as they were, until its pages are overwritten."""
        with self._file.reading():
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """See RolloutStore."""
        self._database.close()


_RECORD = TypeAdapter(Record)


def _text(adapter: TypeAdapter[T], value: T) -> str:
    # Not dump_json, which writes null for infinity.
    return json.dumps(adapter.dump_python(value))


def _event_row(event: BadEvent) -> tuple[object, ...]:
    # 64 bits without a sign do not fit SQLite's integers.
    return tuple(
        str(event.key_hash) if name == "key_hash" else getattr(event, name)
        for name in _EVENT_COLUMNS
    )


def _event_plain(row: Sequence[object]) -> dict[str, object]:
    plain = dict(zip(_EVENT_COLUMNS, row, strict=True))
    return {**plain, "key_hash": int(str(plain["key_hash"]))}
