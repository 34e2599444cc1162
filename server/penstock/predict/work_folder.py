# SPDX-License-Identifier: Apache-2.0
"""What is kept of a run until its output is whole: a hidden folder beside the output.

    .out.parquet.penstock/
      run.json             what the run was begun with, and, at its very end, how it went
      part-00000000.arrow  answers to rows 0 to part_rows, as Arrow has them
      part-00000000.bad    its bad rows, as lines of CSV; missing where there are none
      output.parquet       the output as far as it is written: no use to anybody else
      lock                 held while a run is at work

A part is there whole or not at all, its bad rows first. So whatever ends a run, the next one goes
on behind the parts that are there, and the output, which is written from parts alone, is the same.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from penstock.errors import PredictError

__all__ = ["WorkFolder", "writing_to"]

STATE_FILE = "run.json"
_FULL = (28, 122)  # ENOSPC, EDQUOT


@contextmanager
def writing_to(path: Path) -> Iterator[None]:
    """What a file system says of `path`, as a sentence."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error).partition("\n")[0]
        if error.errno in _FULL or "No space left" in str(error):
            raise PredictError(
                f"{path} cannot be written: the disk is full. Make room, and give the same command "
                "again: it goes on where it stopped."
            ) from None
        raise PredictError(f"{path} cannot be written: {reason.rstrip('.')}.") from None


class WorkFolder:
    """The folder of one output."""

    def __init__(self, output: Path) -> None:
        self.output = output
        self.path = output.with_name(f".{output.name}.penstock")
        #: Never by the output's own name, which may be that of another file here.
        self.partial = self.path / f"output{output.suffix}"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Makes the folder, and keeps other runs out of it.

        Raises:
            PredictError: it cannot be made, or another run is at work in it.
        """
        with self.writing():
            if not self.output.parent.is_dir():
                raise PredictError(
                    f"{self.output.parent} is no folder: make it, or name another --output."
                )
            self.path.mkdir(exist_ok=True)
            lock = self.path / "lock"
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                is_free = _is_at(lock, descriptor)  # and has not just been removed at its end
            except BlockingIOError:
                is_free = False
            if not is_free:
                raise PredictError(
                    f"Another run is writing {self.output}: wait for it, or name another --output."
                )
            yield
        finally:
            os.close(descriptor)

    def writing(self) -> AbstractContextManager[None]:
        """What a file system says of the output, as a sentence."""
        return writing_to(self.output)

    # --- what the run was begun with ---

    def begun_with(self) -> dict[str, Any] | None:
        """What begin() was told; None: there is no run to go on with."""
        try:
            told = json.loads((self.path / STATE_FILE).read_bytes())
        except (OSError, ValueError):
            return None
        return told if isinstance(told, dict) and "begun" in told else None

    def ended_with(self) -> dict[str, Any] | None:
        """As begun_with(), of a run that put its output in its place and was killed before it could
        remove all else; None: there is none.
        """
        told = self.begun_with()
        has_ended = told is not None and "outcome" in told
        return told if has_ended and not self.partial.exists() and self.output.exists() else None

    def begin(self, fingerprint: Mapping[str, Any]) -> None:
        """A new run: what another has left is removed."""
        with self.writing():
            for entry in self.path.iterdir():
                if entry.name != "lock":
                    entry.unlink()
            self._write(STATE_FILE, json.dumps({"begun": fingerprint}, indent=1).encode())

    def finish(self, fingerprint: Mapping[str, Any], outcome: Mapping[str, Any]) -> None:
        """The partial output is whole: put it in its place, and remove all else."""
        with self.writing():
            told = {"begun": fingerprint, "outcome": outcome}
            _sync(self.partial)
            self._write(STATE_FILE, json.dumps(told, indent=1).encode())
            os.replace(self.partial, self.output)
            _sync(self.output.parent)
            self.remove()

    def remove(self) -> None:
        """The folder with all in it."""
        shutil.rmtree(self.path, ignore_errors=True)

    # --- parts ---

    def parts(self) -> int:
        """How many parts are whole, counted from the first."""
        number = 0
        while self._part(number).exists():
            number += 1
        return number

    def _part(self, number: int) -> Path:
        return self.path / f"part-{number:08}.arrow"

    def _bad(self, number: int) -> Path:
        return self.path / f"part-{number:08}.bad"

    def keep(self, number: int, table: Any, bad: bytes) -> None:
        """A part: one of Arrow's tables, and the lines of its bad rows."""
        import pyarrow.ipc

        with self.writing():
            if bad:
                self._write(self._bad(number).name, bad)
            partial = self._part(number).with_suffix(".partial")
            with partial.open("wb") as file:
                with pyarrow.ipc.new_file(file, table.schema) as writer:
                    writer.write_table(table)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, self._part(number))

    def part(self, number: int, schema: Any) -> Any:
        """A part's table. Raises PredictError if it is damaged."""
        import pyarrow
        import pyarrow.ipc

        try:
            with pyarrow.memory_map(str(self._part(number))) as mapped:
                table = pyarrow.ipc.open_file(mapped).read_all()
                table.validate(full=True)
                is_right = table.schema.equals(schema)
        except (OSError, pyarrow.ArrowException):
            is_right = False
        if not is_right:
            raise PredictError(
                f"{self._part(number)}, which an earlier run has left, is damaged: add --restart."
            )
        return table

    def bad_lines(self, number: int) -> bytes:
        """The lines of a part's bad rows."""
        try:
            return self._bad(number).read_bytes()
        except FileNotFoundError:
            return b""

    def _write(self, name: str, content: bytes) -> None:
        partial = self.path / f"{name}.partial"
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, self.path / name)


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
