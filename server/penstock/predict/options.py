# SPDX-License-Identifier: Apache-2.0
"""What a run of `penstock predict` is asked to do."""

from dataclasses import dataclass
from pathlib import Path

from penstock.errors import OptionsError

__all__ = ["PredictOptions", "ReadingBounds"]

#: Of a chunk, which is what is read, answered and handed on at a time.
CHUNK_ROWS = 32_768
CHUNK_BYTES = 16 << 20
#: Of a part, which is what is kept of a run that is interrupted, and a row group of Parquet.
PART_ROWS = 1 << 18
PART_BYTES = 32 << 20
THREADS_MAX = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingBounds:
    """How much is held of the input at a time: a chunk is within both."""

    chunk_rows: int = CHUNK_ROWS
    chunk_bytes: int = CHUNK_BYTES

    def __post_init__(self) -> None:
        if self.chunk_rows < 1 or self.chunk_bytes < 1:
            raise OptionsError(
                f"a chunk is of {self.chunk_rows} rows and {self.chunk_bytes} bytes: wanted at "
                "least 1 of each."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictOptions:
    """`model` as place.py reads it; `input` a file, a folder or a URL; `output` a file.

    `registry_allow_code`: a version of the registry that is no package may run the code that it
    brings. `public_keys`: PEM files; the package must be signed with a key that belongs to one of
    them. `keep`: columns of the input that the output has as well, None: all. `feature_columns`:
    those of a model that does not name its own. `bad_rows`: where rows that do not fit are listed;
    None: beside the output. `bad_rows_max`: more of them stop the run; None: any number goes.
    `threads`: None: as many as there are cores. `part_rows`: rows that are kept at a time.
    `ray`: the address of a cluster that answers instead.
    """

    model: str
    input: str
    output: Path
    registry: str = ""
    registry_allow_code: bool = False
    public_keys: tuple[Path, ...] = ()
    feature_columns: tuple[str, ...] = ()
    keep: tuple[str, ...] | None = ()
    bad_rows: Path | None = None
    bad_rows_max: int | None = None
    overwrites: bool = False
    restarts: bool = False
    threads: int | None = None
    bounds: ReadingBounds = ReadingBounds()
    part_rows: int = PART_ROWS
    ray: str = ""

    def __post_init__(self) -> None:
        if self.part_rows < 1:
            raise OptionsError(f"--part-rows is {self.part_rows}: wanted at least 1.")
        if self.threads is not None and not 1 <= self.threads <= THREADS_MAX:
            raise OptionsError(f"--threads is {self.threads}: wanted 1 to {THREADS_MAX}.")

    @property
    def bad_rows_file(self) -> Path:
        """Where rows that do not fit are listed."""
        return self.bad_rows or self.output.with_name(f"{self.output.name}.bad.csv")
