# SPDX-License-Identifier: Apache-2.0
"""pyarrow, imported when a table is read: it is an extra, and takes half a second."""

from types import ModuleType

from penstock.errors import PredictError

__all__ = ["pyarrow_module"]


def pyarrow_module() -> ModuleType:
    """The library. Raises PredictError if it is not there."""
    try:
        import pyarrow
    except ImportError as error:
        raise PredictError(
            f"pyarrow cannot be imported ({error}): `pip install 'penstock[predict]'`."
        ) from None
    return pyarrow  # type: ignore[no-any-return]
