# SPDX-License-Identifier: Apache-2.0
"""What a package is made of, as the steps of a pipeline have written it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from penstock_training.spec import PackageSpec, ProblemSpec

__all__ = ["PackageParts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageParts:
    """Files are copied; what is None, or is not there, the package does without."""

    #: The model's name: what it is registered and served as.
    name: str
    problem: ProblemSpec
    package: PackageSpec
    model: Path
    signature: Path
    #: Parquet with the columns of the signature: what a smoke request is like.
    rows: Path
    evaluation: Path | None = None
    explanation: Path | None = None
    profile: Path | None = None
    #: Name of a document -> its file, for lineage and card: source, validation, split, selection.
    told: Mapping[str, Path] = field(default_factory=dict)
    #: Step -> its picture.
    pictures: tuple[tuple[str, Path], ...] = ()
    #: Step -> what it has timed. Lies outside the package's digest.
    timings: Mapping[str, Path] = field(default_factory=dict)
    #: As penstock_training.package.lineage.lineage_of() gives it.
    lineage: Mapping[str, Any] = field(default_factory=dict)
    #: PEM file of the EC key that signs the manifest.
    signing_key: Path | None = None
