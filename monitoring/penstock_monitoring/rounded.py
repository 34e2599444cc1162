# SPDX-License-Identifier: Apache-2.0
"""Numbers as short as what they are worth."""

__all__ = ["rounded"]

DIGITS = 6


def rounded(value: float) -> float:
    """The number with six significant digits: more are noise of the rows that it is of."""
    return float(f"{value:.{DIGITS}g}")
