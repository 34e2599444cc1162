# SPDX-License-Identifier: Apache-2.0
"""JSON as every step writes and reads it: the same bytes for the same content."""

import json
import math
from pathlib import Path
from typing import Any

from penstock_training.errors import TrainingError

__all__ = ["read_json", "rounded", "write_json"]


def write_json(path: Path, content: Any) -> None:
    """Write `content` with sorted keys.

    Raises:
        ValueError: it holds NaN or an infinity, which JSON cannot: write None.
    """
    text = json.dumps(content, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """What write_json() wrote.

    Raises:
        TrainingError: it is not there, or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TrainingError(f"{path} is not there.") from None
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path} cannot be read as JSON: {error}.") from None


def rounded(value: float, digits: int = 6) -> float | None:
    """`value` to so many significant digits, as files hold it; None if it is not finite."""
    if not math.isfinite(value):
        return None
    return float(f"{value:.{digits}g}")
