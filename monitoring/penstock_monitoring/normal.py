# SPDX-License-Identifier: Apache-2.0
"""The normal distribution, elementwise on arrays of any shape."""

import numpy as np
import numpy.typing as npt

__all__ = ["Z_OF_95", "density", "share_below", "share_within"]

Floats = npt.NDArray[np.float64]

#: 95 % lie within so many standard deviations.
Z_OF_95 = 1.959964

# Abramowitz & Stegun (1964), 7.1.25: off by 2.5e-5 at most. numpy has no error function.
_P = 0.47047 / 2**0.5
_A = (0.3480242, -0.0958798, 0.7478556)


def density(x: Floats) -> Floats:
    """Of N(0, 1)."""
    return np.asarray(np.exp(-0.5 * x * x) / (2 * np.pi) ** 0.5)


def share_within(x: Floats, density_of_x: Floats) -> Floats:
    """P(|Z| < x) of N(0, 1) for x >= 0."""
    t = 1 / (1 + _P * x)
    tail = t * (_A[0] + t * (_A[1] + t * _A[2]))
    return np.asarray(1 - tail * density_of_x * (2 * np.pi) ** 0.5)


def share_below(x: Floats, density_of_x: Floats) -> Floats:
    """P(Z < x) of N(0, 1)."""
    return np.asarray((1 + np.copysign(share_within(np.abs(x), density_of_x), x)) / 2)
