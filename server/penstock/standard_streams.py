# SPDX-License-Identifier: Apache-2.0
"""Standard input, output and error of a server that must outlive whoever reads them."""

import os
from contextlib import suppress
from typing import IO

__all__ = ["flush_or_forget", "open_closed"]


def open_closed() -> None:
    """Opens /dev/null in the place of each of the three that is closed.

    Else the next socket would take its number, and what is meant for the log would go to a peer.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free


def flush_or_forget(stream: IO[str] | None) -> None:
    """Empties the stream's buffer, so that the interpreter's end finds nothing to complain of."""
    if stream is None or stream.closed:
        return
    try:
        stream.flush()
    except OSError:
        # What waits in the buffer, and all that follows, goes to /dev/null.
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
