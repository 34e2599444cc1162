# SPDX-License-Identifier: Apache-2.0
"""What is asked of the files that a run writes before it begins: they take nobody else's place."""

import os
from pathlib import Path

from penstock.errors import PredictError
from penstock.predict.options import PredictOptions
from penstock.predict.parts import BAD_HEADER
from penstock.predict.sinks import check_ending
from penstock.predict.source import InputFiles
from penstock.predict.work_folder import writing_to

__all__ = ["check_not_read", "check_outputs", "check_overwritten"]


def check_outputs(options: PredictOptions) -> None:
    """Raise PredictError if the output or the list of bad rows could not be put where it goes."""
    output, listed = options.output, options.bad_rows_file
    check_ending(output)
    with writing_to(output):
        if output.is_dir():
            raise PredictError(f"{output} is a folder: wanted a file as --output.")
    if _place(output) == _place(listed):
        raise PredictError(f"{listed} is the output: name another file by --bad-rows.")
    if options.bad_rows is not None and not os.access(listed.parent, os.W_OK | os.X_OK):
        raise PredictError(
            f"{listed.parent} is no folder that can be written: make it, or name another "
            "--bad-rows."
        )
    with writing_to(listed):
        if not _may_be_replaced(listed):
            raise PredictError(
                f"{listed} exists and is no list of bad rows: move it away, or name another file "
                "by --bad-rows."
            )


def check_overwritten(options: PredictOptions) -> None:
    """Raise PredictError if there is an output already that nobody wants to be replaced."""
    if options.output.exists() and not options.overwrites:
        raise PredictError(
            f"{options.output} exists: add --overwrite to replace it, or name another --output."
        )


def check_not_read(options: PredictOptions, files: InputFiles) -> None:
    """Raise PredictError if a file that is written is one of those that are read, by any name."""
    if files.system is not None:
        return
    read = {_identity(Path(path)) for path in files.paths.values()} - {None}
    for path, flag in ((options.output, "--output"), (options.bad_rows_file, "--bad-rows")):
        if _identity(path) in read:
            raise PredictError(f"{path} is the input: name another {flag}.")


def _place(path: Path) -> Path:
    """Where a file comes to be, by which name ever its folder is called."""
    return path.parent.resolve() / path.name


def _may_be_replaced(listed: Path) -> bool:
    """Whether there is no such file, or one of an earlier run, or nothing in it."""
    try:
        with listed.open("rb") as file:
            return file.read(len(BAD_HEADER)) in (b"", BAD_HEADER)
    except (FileNotFoundError, NotADirectoryError):
        return True  # whether its folder is one is asked elsewhere
    except IsADirectoryError:
        return False


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
