# SPDX-License-Identifier: Apache-2.0
"""Where finished steps are kept: a folder per step and digest, put in place by one rename.

ROOT/lock                       held while a pipeline runs
ROOT/steps/NAME/DIGEST/out/     what the step wrote
ROOT/steps/NAME/DIGEST/done.json
ROOT/partial/                   what is being written; only there while a pipeline runs
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from penstock_training.errors import TrainingError

__all__ = ["Kept", "StepStore"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A finished step."""

    folder: Path
    #: Of what it wrote, without what is timed or dated.
    output_digest: str
    seconds: float


class StepStore:
    """The kept steps below one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other runs out. What this one, or a killed one, leaves half-written is removed.

        Raises:
            TrainingError: another run holds it, or nothing can be written there.
        """
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            lock = os.open(self._root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise TrainingError(f"{self._root} cannot be written to: {error.strerror}.") from None
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise TrainingError(
                    f"another run works in {self._root}: wait for it, or name another --work."
                ) from None
            self._clear()
            try:
                yield
            finally:
                self._clear()
        finally:
            os.close(lock)

    def _clear(self) -> None:
        shutil.rmtree(self._root / "partial", ignore_errors=True)

    def find(self, step: str, digest: str) -> Kept | None:
        """What `step` wrote for that digest, if it has finished."""
        folder = self._folder(step, digest)
        try:
            done = json.loads((folder / "done.json").read_text())
            return Kept(
                folder=folder / "out",
                output_digest=str(done["output_digest"]),
                seconds=float(done["seconds"]),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def begin(self, step: str) -> Path:
        """An empty folder for `step` to write to."""
        folder = self._root / "partial" / step
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "out").mkdir(parents=True)
        return folder / "out"

    def finish(self, step: str, digest: str, output_digest: str, seconds: float) -> Kept:
        """Keep what was written to begin()'s folder."""
        written = self._root / "partial" / step
        done = {"output_digest": output_digest, "seconds": round(seconds, 3)}
        (written / "done.json").write_text(json.dumps(done))
        folder = self._folder(step, digest)
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        written.rename(folder)
        return Kept(folder=folder / "out", output_digest=output_digest, seconds=seconds)

    def _folder(self, step: str, digest: str) -> Path:
        return self._root / "steps" / step / digest[:32]
