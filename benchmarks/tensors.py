# SPDX-License-Identifier: Apache-2.0
"""Checks of answers: the one output OUTPUT0, its datatype, shape and values."""

import mmap

import numpy as np
import numpy.typing as npt

from benchmarks.messages import Answer
from benchmarks.servers import Check

Floats = npt.NDArray[np.float32]


def _check_form(answer: Answer, shape: tuple[int, ...], datatype: str = "FP32") -> None:
    got = (answer.names, answer.datatypes, answer.shapes, len(answer.raw))
    wanted = (("OUTPUT0",), (datatype,), (shape,), 1)
    if got != wanted:
        raise ValueError(f"names, datatypes, shapes, raw tensors {wanted} were wanted, {got} came")


def echoes(rows: Floats) -> Check:
    """Return a check that the answer is these rows, bit for bit."""

    def check(answer: Answer) -> None:
        _check_form(answer, rows.shape)
        if answer.raw[0] != rows.tobytes():
            raise ValueError("the tensor that came back is not the one that was sent")

    return check


def echoes_in_place(rows: Floats, memory: mmap.mmap, offset: int) -> Check:
    """Return a check that these rows were written to `memory`, and are not in the answer."""

    def check(answer: Answer) -> None:
        _check_form(answer, rows.shape)
        if answer.raw[0]:
            raise ValueError("the tensor came in the answer")
        if memory[offset : offset + rows.nbytes] != rows.tobytes():
            raise ValueError("the tensor that was written is not the one that was given")

    return check


def is_close_to(wanted: npt.NDArray[np.floating]) -> Check:
    """Return a check that the answer has these values, to the precision of FP32 arithmetic."""

    def check(answer: Answer) -> None:
        _check_form(answer, wanted.shape, f"FP{8 * wanted.itemsize}")
        got = np.frombuffer(answer.raw[0], wanted.dtype).reshape(wanted.shape)
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)

    return check
