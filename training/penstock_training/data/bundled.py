# SPDX-License-Identifier: Apache-2.0
"""The sets that scikit-learn ships: to try a pipeline with, and for tests."""

from typing import Any

from penstock_training.errors import DataError

__all__ = ["BUNDLED", "read_bundled"]

BUNDLED = ("breast_cancer", "diabetes", "digits", "iris", "wine")


def read_bundled(name: str) -> Any:
    """The Arrow table of a set. Its target is the column `target`, classes by their names.

    Raises:
        DataError: there is no such set.
    """
    if name not in BUNDLED:
        raise DataError(f"[data] sklearn: wanted {', '.join(BUNDLED)}; found {name!r}.")
    import pyarrow
    import sklearn.datasets

    bunch = getattr(sklearn.datasets, f"load_{name}")(as_frame=True)
    frame = bunch.frame
    names = [str(one) for one in bunch.get("target_names", ())]
    if names and not all(one.isdecimal() for one in names):
        frame = frame.assign(target=[names[code] for code in frame["target"]])
    return pyarrow.Table.from_pandas(frame, preserve_index=False)
