# SPDX-License-Identifier: Apache-2.0
"""What can go wrong on the way from data to a registered version, drawn as a tree.

    PenstockError
    └── TrainingError       a step of a pipeline cannot go on
        ├── SpecError       the pipeline's file says what cannot be
        ├── DataError       the data cannot be read, or are not what the spec says
        ├── CandidateError  no model could be trained, exported, or chosen
        └── PackageError    a version cannot be packaged, verified or registered

Every message is one sentence or two: what was wanted, what was found and, where there is one, the
mend.
"""

from penstock.errors import PenstockError

__all__ = ["CandidateError", "DataError", "PackageError", "SpecError", "TrainingError"]


class TrainingError(PenstockError):
    """A step of a pipeline cannot go on."""

    code = "FAILED_PRECONDITION"


class SpecError(TrainingError):
    """The pipeline's file says what cannot be."""

    code = "INVALID_ARGUMENT"


class DataError(TrainingError):
    """The data cannot be read, or are not what the spec says."""


class CandidateError(TrainingError):
    """No model could be trained, exported, or chosen."""


class PackageError(TrainingError):
    """A version cannot be packaged, verified or registered."""
