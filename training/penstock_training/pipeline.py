# SPDX-License-Identifier: Apache-2.0
"""From data to a registered version: the one place where the steps are wired."""

import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path

from penstock_training.errors import SpecError, TrainingError
from penstock_training.files import read_json
from penstock_training.spec import PipelineSpec, read_spec
from penstock_training.stages import STEP_NAMES
from penstock_training.steps import (
    Progress,
    QuietProgress,
    Step,
    StepResult,
    StepStore,
    run_steps,
)

__all__ = ["Outcome", "Pipeline"]

#: Results depend on the versions of these.
_LIBRARIES = (
    "cleanlab",
    "duckdb",
    "flaml",
    "lightgbm",
    "matplotlib",
    "mlflow",
    "numpy",
    "onnx",
    "onnxmltools",
    "onnxruntime",
    "optuna",
    "pandas",
    "pandera",
    "penstock",
    "pyarrow",
    "scikit-learn",
    "scipy",
    "shap",
    "skl2onnx",
    "torch",
    "xgboost-cpu",
)
_MEND = "pip install 'penstock[training]'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run has come to."""

    steps: dict[str, StepResult]
    #: Why the chosen model is not registered; empty: it is.
    reasons: tuple[str, ...] = ()
    #: Of the registry, as text; None: nothing was registered.
    version: str | None = None

    @property
    def is_registered(self) -> bool:
        """Whether a version was registered, now or by an earlier run of the same inputs."""
        return self.version is not None

    @property
    def package(self) -> Path | None:
        """The version's folder, if the run has come so far."""
        made = self.steps.get("package")
        return made.folder / "package" if made else None


class Pipeline:
    """A pipeline's file and the folder where its finished steps are kept.

    >>> Pipeline.read("pipeline.toml").run()  # doctest: +SKIP
    """

    def __init__(self, spec: PipelineSpec, *, work: Path | None = None) -> None:
        self._spec = spec
        self._work = work or spec.folder / ".penstock"

    @classmethod
    def read(
        cls, path: Path | str, *, work: Path | None = None, feature_names: Sequence[str] = ()
    ) -> "Pipeline":
        """The pipeline of the TOML file at `path`.

        `feature_names`: in place of those of its [package], if there are any.

        Raises:
            SpecError: it says what cannot be.
        """
        return cls(read_spec(Path(path), feature_names=feature_names), work=work)

    @property
    def spec(self) -> PipelineSpec:
        """What the file says."""
        return self._spec

    def run(self, progress: Progress | None = None, *, until: str | None = None) -> Outcome:
        """Run what has not been run yet, up to and with the step `until`.

        Raises:
            TrainingError: a step cannot go on. The ones before it are kept, and the next run begins
                with it.
            RegistryError: the registry cannot be used; asked before anything is run.
        """
        if until is not None and until not in STEP_NAMES:
            raise SpecError(f"there is no step {until}: wanted one of {', '.join(STEP_NAMES)}.")
        names = STEP_NAMES if until is None else STEP_NAMES[: STEP_NAMES.index(until) + 1]
        steps = _steps(names)
        _check_early(self._spec, names)
        with _threads(self._spec.threads):
            results = run_steps(
                steps,
                self._spec,
                StepStore(self._work),
                progress or QuietProgress(),
                libraries=_versions(),
            )
        if "register" not in results:
            return Outcome(steps=results)
        registration = read_json(results["register"].folder / "registration.json")
        return Outcome(
            steps=results,
            reasons=tuple(registration["reasons"]),
            version=str(registration["version"]) if registration["is_registered"] else None,
        )


def _check_early(spec: PipelineSpec, names: Sequence[str]) -> None:
    """Asks what the last steps need, before the first ones take their time."""
    from penstock_training.evaluate.champion import champion_file
    from penstock_training.stages.package import signing_key_of
    from penstock_training.tracking import check_registry

    if "evaluate" in names and spec.evaluate.champion is not None:
        champion_file(spec.folder / spec.evaluate.champion)
    if "package" in names:
        signing_key_of(spec)
    if "register" in names:
        check_registry(spec)


def _steps(names: Sequence[str]) -> list[Step]:
    found = []
    for name in names:
        try:
            found.append(import_module(f"penstock_training.stages.{name}").STEP)
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("penstock"):
                raise
            raise TrainingError(f"{error.name} is not installed: {_MEND}.") from None
    return found


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Keeps the libraries behind numpy and scikit-learn to `count` threads."""
    try:
        from threadpoolctl import threadpool_limits
    except ModuleNotFoundError as error:
        raise TrainingError(f"{error.name} is not installed: {_MEND}.") from None
    with threadpool_limits(count):
        yield
