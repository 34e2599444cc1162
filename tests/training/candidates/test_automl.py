# SPDX-License-Identifier: Apache-2.0
import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.training.tables import TASKS, record_figures, run_steps, spec_for, table

from penstock_training.errors import CandidateError
from penstock_training.files import read_json

IS_THERE = importlib.util.find_spec("flaml") is not None


@pytest.mark.slow
@pytest.mark.skipif(not IS_THERE, reason="FLAML is not installed: pip install 'penstock[automl]'")
@pytest.mark.parametrize("name", TASKS)
def test_flaml_chooses_families_and_parameters_that_are_served(
    name: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    spec = spec_for(name, with_text=True, candidates={"automl": True}, search={"trials": 5})
    notes = run_steps(spec, table(name, with_text=True), tmp_path)
    best = read_json(tmp_path / "candidates/best.json")
    assert best and set(best) <= {"forest", "lightgbm", "xgboost"}
    assert notes.counts[-1][0] <= notes.counts[-1][1] == 15
    selection = read_json(tmp_path / "select/selection.json")
    assert selection["family"] in best and selection["refused"] == {}
    assert read_json(tmp_path / "select/parity.json")["rows"]["rows_beyond"] == 0
    record_figures(tmp_path, notes.counts[-1][0], record_property)


@pytest.mark.skipif(IS_THERE, reason="FLAML is installed")
def test_automl_without_flaml_is_refused_with_the_mend(tmp_path: Path) -> None:
    spec = spec_for("wine", candidates={"automl": True})
    with pytest.raises(CandidateError, match=r"needs FLAML.*pip install 'penstock\[automl\]'"):
        run_steps(spec, table("wine"), tmp_path)
