# SPDX-License-Identifier: Apache-2.0
"""The pipeline's file: what each table and key means. Light: it imports no library of data."""

from penstock_training.spec.candidates import CandidatesSpec, SearchSpec
from penstock_training.spec.data import ChecksSpec, DataSpec, FeastSpec, SplitSpec
from penstock_training.spec.features import FeaturesSpec, StepSpec
from penstock_training.spec.pipeline import (
    EvaluateSpec,
    ExplainSpec,
    PackageSpec,
    PipelineSpec,
    RegistrySpec,
)
from penstock_training.spec.problem import GroupSpec, Guardrail, ProblemSpec, Task
from penstock_training.spec.read import read_spec, spec_of

__all__ = [
    "CandidatesSpec",
    "ChecksSpec",
    "DataSpec",
    "FeastSpec",
    "EvaluateSpec",
    "ExplainSpec",
    "FeaturesSpec",
    "GroupSpec",
    "Guardrail",
    "PackageSpec",
    "PipelineSpec",
    "ProblemSpec",
    "RegistrySpec",
    "SearchSpec",
    "SplitSpec",
    "StepSpec",
    "Task",
    "read_spec",
    "spec_of",
]
