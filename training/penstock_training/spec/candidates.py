# SPDX-License-Identifier: Apache-2.0
"""`[candidates]` and `[search]`: which models are tried, and for how long."""

from typing import Any, Literal

from pydantic import Field, model_validator

from penstock_training.spec.table import Table

__all__ = ["CandidatesSpec", "Family", "SearchSpec"]

Family = Literal["linear", "forest", "lightgbm", "xgboost", "mlp", "torch"]


#: What FLAML chooses among: its other families have no counterpart here.
AUTOML_FAMILIES: tuple[Family, ...] = ("forest", "lightgbm", "xgboost")


class CandidatesSpec(Table):
    """Families of models."""

    families: tuple[Family, ...] = ("linear", "forest", "lightgbm", "xgboost", "mlp")
    #: FLAML chooses among forest, lightgbm and xgboost, and their parameters; `families` and
    #: `parameters` are not used then. Its choices differ from run to run.
    automl: bool = False
    #: Family -> parameter -> its value, or [low, high], or {choices = [...]}: in place of the
    #: family's own search space.
    parameters: dict[Family, dict[str, Any]] = Field(default_factory=dict)
    #: "balanced": weights that make up for rare classes.
    class_weight: Literal["balanced"] | None = None
    #: Probabilities are calibrated on the validation rows.
    calibration: Literal["sigmoid", "isotonic"] | None = None
    #: Of family torch: MODULE:FUNCTION, which returns a torch.nn.Module for a number of inputs and
    #: one of outputs.
    torch_module: str | None = None

    @property
    def used(self) -> tuple[Family, ...]:
        """The families that are tried."""
        return AUTOML_FAMILIES if self.automl else self.families

    @model_validator(mode="after")
    def _is_whole(self) -> "CandidatesSpec":
        if not self.families:
            raise ValueError("families is empty: wanted at least one")
        if len(set(self.families)) < len(self.families):
            raise ValueError("a family stands twice in families")
        if "torch" in self.families and self.torch_module is None:
            raise ValueError("family torch needs torch_module")
        return self


class SearchSpec(Table):
    """The budget. With `seconds`, results depend on the machine's speed: see docs/training.md."""

    #: Of each family.
    trials: int = Field(default=20, ge=1)
    #: Of all families together; None: no limit.
    seconds: float | None = Field(default=None, gt=0)
    #: Trials that are clearly worse than others stop early.
    prune: bool = True
    #: Rounds without gain after which boosting stops.
    early_stopping_rounds: int = Field(default=50, ge=1)
    #: A Ray cluster that runs the trials: "auto", or HOST:PORT. None: this process does.
    ray_address: str | None = None
