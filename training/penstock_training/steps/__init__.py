# SPDX-License-Identifier: Apache-2.0
"""How a pipeline's steps are run once and kept: digests, the store, the runner."""

from penstock_training.steps.digest import digest_of_folder
from penstock_training.steps.progress import Progress, QuietProgress
from penstock_training.steps.runner import StepResult, run_steps
from penstock_training.steps.step import Step, StepRun
from penstock_training.steps.store import StepStore

__all__ = [
    "Progress",
    "QuietProgress",
    "Step",
    "StepResult",
    "StepRun",
    "StepStore",
    "digest_of_folder",
    "run_steps",
]
