# SPDX-License-Identifier: Apache-2.0
"""What a call costs in the native executor of this machine: the best of many short trials."""

from penstock.native.quantize.gate import Measure

__all__ = ["native_measure"]


def native_measure(rows: int) -> Measure | None:
    """Measures calls of `rows` and of BATCH_ROWS rows; None where the executor is not built."""
    return None
