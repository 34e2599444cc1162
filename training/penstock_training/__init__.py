# SPDX-License-Identifier: Apache-2.0
"""From data to a registered version. See docs/training.md.

Nothing here is imported before it is used: the libraries behind a pipeline take seconds.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penstock_training.errors import (
        CandidateError,
        DataError,
        PackageError,
        SpecError,
        TrainingError,
    )
    from penstock_training.pipeline import Outcome, Pipeline
    from penstock_training.spec import PipelineSpec, read_spec

_HOMES = {
    "CandidateError": "penstock_training.errors",
    "DataError": "penstock_training.errors",
    "Outcome": "penstock_training.pipeline",
    "PackageError": "penstock_training.errors",
    "Pipeline": "penstock_training.pipeline",
    "PipelineSpec": "penstock_training.spec",
    "SpecError": "penstock_training.errors",
    "TrainingError": "penstock_training.errors",
    "read_spec": "penstock_training.spec",
}

__all__ = [
    "CandidateError",
    "DataError",
    "Outcome",
    "PackageError",
    "Pipeline",
    "PipelineSpec",
    "SpecError",
    "TrainingError",
    "read_spec",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
