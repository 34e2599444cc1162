# SPDX-License-Identifier: Apache-2.0
"""How many loads failed, by model and by the kind of reason: a family of the page of metrics."""

import threading
from collections import Counter
from enum import StrEnum

from penstock.errors import (
    ArtifactError,
    BackendError,
    EngineError,
    ModelFileError,
    NotCompiledError,
    PackageError,
    RemoteRepositoryError,
    RepositoryError,
    SmokeError,
    UnsignedError,
)

__all__ = ["FailureReason", "LoadFailures", "MODELS_MAX", "failure_reason"]

FAMILY = "penstock_model_load_failures_total"
#: Names that have samples of their own; clients may bring names without end.
MODELS_MAX = 10_000
#: The label of all models beyond them.
OTHER_MODELS = ""


class FailureReason(StrEnum):
    """The kinds of reasons. The text of a reason is never a label."""

    CONFIG = "config"
    DIGEST = "digest"
    FILES = "files"
    MEMORY = "memory"
    MODEL = "model"
    OTHER = "other"
    SIGNATURE = "signature"
    SMOKE = "smoke"
    WARMUP = "warmup"


#: The first that fits an error is its reason: classes stand before those they derive from.
KINDS: tuple[tuple[type[Exception], FailureReason], ...] = (
    (UnsignedError, FailureReason.SIGNATURE),
    (SmokeError, FailureReason.SMOKE),
    (PackageError, FailureReason.DIGEST),
    (RemoteRepositoryError, FailureReason.FILES),
    (RepositoryError, FailureReason.CONFIG),
    (OSError, FailureReason.FILES),
    (MemoryError, FailureReason.MEMORY),
    (EngineError, FailureReason.MODEL),
    (BackendError, FailureReason.MODEL),
    (ModelFileError, FailureReason.MODEL),
    (ArtifactError, FailureReason.MODEL),
    (NotCompiledError, FailureReason.MODEL),
)


def failure_reason(error: Exception | str) -> FailureReason:
    """The kind of `error`; a text is of a model whose files cannot be had. Pure."""
    if isinstance(error, str):
        return FailureReason.FILES
    if isinstance(error, EngineError) and error.stage:
        return FailureReason(error.stage)
    return next((kind for one, kind in KINDS if isinstance(error, one)), FailureReason.OTHER)


class LoadFailures:
    """Counts since the server's start. Every method is thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, FailureReason]] = Counter()
        self._models: set[str] = set()

    def count(self, model: str, reason: FailureReason) -> None:
        """One more load of `model` failed."""
        with self._lock:
            if model not in self._models and len(self._models) >= MODELS_MAX:
                model = OTHER_MODELS
            self._models.add(model)
            self._counts[model, reason] += 1

    def text(self) -> str:
        """The family in Prometheus' text format."""
        with self._lock:
            counts = sorted(self._counts.items())
        lines = [
            f"# HELP {FAMILY} Loads of a version that failed, by the kind of reason.",
            f"# TYPE {FAMILY} counter",
        ]
        lines += [
            f'{FAMILY}{{model="{_escaped(model)}",reason="{reason}"}} {count}'
            for (model, reason), count in counts
        ]
        return "\n".join(lines) + "\n"


def _escaped(name: str) -> str:
    return name.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
