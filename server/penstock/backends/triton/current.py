# SPDX-License-Identifier: Apache-2.0
"""Whose code runs: functions of `triton_python_backend_utils` are not told by which model.

The model is that of the thread (or task) that calls; in a worker process, which has one model, of
every thread.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from penstock.backends.triton.failures import TritonModelException

__all__ = [
    "RunningModel",
    "current_model",
    "entered",
    "get_model_dir",
    "has_own_process",
    "settle_in",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningModel:
    """A version of a model whose code is entered. `folder` is the version's."""

    name: str
    version: int
    folder: Path


_current: ContextVar[RunningModel] = ContextVar("penstock_triton_model")
_only: list[RunningModel] = []


def settle_in(model: RunningModel) -> None:
    """This process is `model`'s alone."""
    _only[:] = [model]


def has_own_process() -> bool:
    """Whether this process is one model's alone."""
    return bool(_only)


def current_model() -> RunningModel | None:
    """The model whose code calls; None on a thread of its own making in the server's process."""
    return _current.get(_only[0] if _only else None)


@contextmanager
def entered(model: RunningModel) -> Iterator[None]:
    """The code within is `model`'s."""
    token = _current.set(model)
    try:
        yield
    finally:
        _current.reset(token)


def get_model_dir() -> str:
    """The folder of the version whose code calls."""
    model = current_model()
    if model is None:
        raise TritonModelException(
            "get_model_dir() was called on a thread of the model's own making, where it is not "
            "known which model that is: call it in initialize()."
        )
    return str(model.folder)
