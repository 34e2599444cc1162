# SPDX-License-Identifier: Apache-2.0
"""`penstock infer`: what a model answered."""

import numpy as np
from rich.console import Console

from penstock_client import InferResult

__all__ = ["print_outputs"]

ELEMENTS_SHOWN_MAX = 200


def print_outputs(console: Console, result: InferResult) -> None:
    """Prints each output's name, type and shape, and its values."""
    console.print(f"{result.model_name} version {result.model_version}", style="dim")
    for name, array in result.items():
        console.print(f"[bold]{name}[/]: {array.dtype}{list(array.shape)}", highlight=False)
        shown = np.array2string(array, threshold=ELEMENTS_SHOWN_MAX, max_line_width=console.width)
        console.print(shown, markup=False)
