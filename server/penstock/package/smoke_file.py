# SPDX-License-Identifier: Apache-2.0
"""smoke.json as it stands: what both of its readers share, and neither numpy nor the core."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from penstock.errors import SmokeError

__all__ = ["SMOKE_BYTES_MAX", "SMOKE_FILE", "reading_smoke"]

SMOKE_FILE = "smoke.json"
SMOKE_BYTES_MAX = 64 << 20


@contextmanager
def reading_smoke(path: Path) -> Iterator[Any]:
    """What the file at `path` says, of which nothing is known but that it is JSON.

    Raises:
        SmokeError: it cannot be read, or whoever reads it meets an error that a wrong file causes.
    """
    try:
        if (size := path.stat().st_size) > SMOKE_BYTES_MAX:
            raise SmokeError(f"{path} has {size} bytes: wanted {SMOKE_BYTES_MAX} at most.")
        yield json.loads(path.read_bytes())
    except OSError as error:
        raise SmokeError(f"{path} cannot be read: {error.strerror or error}.") from None
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise SmokeError(f"{path} is no smoke request: {type(error).__name__} {error}.") from None
