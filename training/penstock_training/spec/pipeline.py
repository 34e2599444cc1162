# SPDX-License-Identifier: Apache-2.0
"""The whole file, and its small tables."""

from pathlib import Path
from typing import Literal

from pydantic import Field, PrivateAttr, model_validator

from penstock_training.spec.candidates import CandidatesSpec, SearchSpec
from penstock_training.spec.data import DataSpec, SplitSpec
from penstock_training.spec.features import FeaturesSpec
from penstock_training.spec.problem import ProblemSpec
from penstock_training.spec.search_space import space_of
from penstock_training.spec.table import Table

__all__ = ["EvaluateSpec", "ExplainSpec", "PackageSpec", "PipelineSpec", "RegistrySpec"]


class EvaluateSpec(Table):
    """How sure numbers are to be."""

    #: Resamples behind each confidence interval; 0: none.
    bootstrap: int = Field(default=1000, ge=0, le=100_000)
    confidence: float = Field(default=0.95, gt=0, lt=1)
    #: Columns whose worst slices are looked for; None: all features.
    slices: tuple[str, ...] | None = None
    #: The version to be better than: its folder, its model.onnx, or its predictions.parquet if the
    #: test rows are the same.
    champion: str | None = None


class ExplainSpec(Table):
    """What is said of why a model answers as it does."""

    permutation: bool = True
    shap: bool = True
    #: Rows of the test part that are explained, at most.
    rows: int = Field(default=200, ge=1)


class PackageSpec(Table):
    """What stands in a version's folder besides what always does."""

    owner: str = ""
    description: str = ""
    intended_use: str = ""
    #: Of the numeric columns, in the model's order; none: they are called as in the data.
    feature_names: tuple[str, ...] = ()
    #: A PEM file with an EC key: the manifest is signed with it.
    signing_key: str | None = None
    #: "auto": the native form, where the model has one.
    backend: Literal["auto", "onnxruntime"] = "auto"

    @model_validator(mode="after")
    def _names_each_column_otherwise(self) -> "PackageSpec":
        if "" in self.feature_names:
            raise ValueError("a name in feature_names is empty")
        if len(set(self.feature_names)) < len(self.feature_names):
            raise ValueError("a name stands twice in feature_names")
        return self


class RegistrySpec(Table):
    """Where versions are registered and runs are tracked."""

    #: sqlite:///FILE, http://HOST:PORT of an MLflow server. None: mlflow.db beside the spec.
    uri: str | None = None
    experiment: str | None = None
    alias: str = "candidate"


class PipelineSpec(Table):
    """A pipeline."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$")
    seed: int = Field(default=0, ge=0, lt=2**32)
    #: Threads of each library while training. Other numbers may give other digests.
    threads: int = Field(default=1, ge=1, le=1024)
    problem: ProblemSpec
    data: DataSpec
    split: SplitSpec = SplitSpec()
    features: FeaturesSpec = FeaturesSpec()
    candidates: CandidatesSpec = CandidatesSpec()
    search: SearchSpec = SearchSpec()
    evaluate: EvaluateSpec = EvaluateSpec()
    explain: ExplainSpec = ExplainSpec()
    package: PackageSpec = PackageSpec()
    registry: RegistrySpec = RegistrySpec()

    _folder: Path = PrivateAttr(default_factory=Path.cwd)

    @model_validator(mode="after")
    def _has_parameters_that_families_have(self) -> "PipelineSpec":
        is_classifier = self.problem.task != "regression"
        for family, given in self.candidates.parameters.items():
            try:
                space_of(family, is_classifier=is_classifier, given=given)
            except ValueError as error:
                raise ValueError(f"[candidates] parameters: {error}") from None
        return self

    @model_validator(mode="after")
    def _has_a_target_that_may_be_seen(self) -> "PipelineSpec":
        if self.problem.target in self.features.sensitive:
            raise ValueError(
                f"[features] sensitive names the target {self.problem.target}, whose values are "
                "what the model answers"
            )
        return self

    @property
    def folder(self) -> Path:
        """What relative paths of the spec are relative to: the file's own folder."""
        return self._folder

    def in_folder(self, folder: Path) -> "PipelineSpec":
        """The same spec, of a file in `folder`."""
        made = self.model_copy()
        made._folder = folder
        return made
