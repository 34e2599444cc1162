# SPDX-License-Identifier: Apache-2.0
"""Which function trains which family. Libraries are imported when a family is first trained."""

from threadpoolctl import threadpool_limits

from penstock_training.candidates.family import Fitted, Training
from penstock_training.errors import CandidateError

__all__ = ["fit_family"]


def fit_family(family: str, training: Training) -> Fitted:
    """Train a model of `family`, with no more threads than are asked for.

    Raises:
        CandidateError: the family's library is not installed.
    """
    try:
        with threadpool_limits(training.threads):
            return _fit(family, training)
    except ImportError as error:
        raise CandidateError(
            f"the family {family} needs a library that cannot be imported ({error}): install it, "
            "or leave the family out of [candidates] families."
        ) from None


def _fit(family: str, training: Training) -> Fitted:
    match family:
        case "linear":
            from penstock_training.candidates import linear

            return linear.fit(training)
        case "forest":
            from penstock_training.candidates import forest

            return forest.fit(training)
        case "lightgbm":
            from penstock_training.candidates import lightgbm

            return lightgbm.fit(training)
        case "xgboost":
            from penstock_training.candidates import xgboost

            return xgboost.fit(training)
        case "mlp":
            from penstock_training.candidates import mlp

            return mlp.fit(training)
        case "torch":
            from penstock_training.candidates import torch

            return torch.fit(training)
        case _:
            raise CandidateError(f"there is no family {family}.")
