# SPDX-License-Identifier: Apache-2.0
"""The steps of the data, in their order."""

from penstock_training.data.ingest import ingest_step
from penstock_training.data.split import SPLIT
from penstock_training.data.validate import VALIDATE
from penstock_training.spec import PipelineSpec
from penstock_training.steps import Step

__all__ = ["data_steps"]


def data_steps(spec: PipelineSpec) -> tuple[Step, ...]:
    """`ingest`, `validate`, `split`. Later steps need `split` alone.

    Raises:
        DataError: the source cannot be found.
    """
    return (ingest_step(spec), VALIDATE, SPLIT)
