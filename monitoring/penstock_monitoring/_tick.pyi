# SPDX-License-Identifier: Apache-2.0
import numpy as np
import numpy.typing as npt

_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]

def advance(
    bets: npt.NDArray[np.float32],
    begins: _Ints,
    places: _Ints,
    rows: _Ints,
    counts: _Ints,
    begin: float,
    sums: _Floats,
    onsets: _Floats,
    log_e: _Floats,
    leaders: _Ints,
) -> None: ...
