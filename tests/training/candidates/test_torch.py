# SPDX-License-Identifier: Apache-2.0
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from tests.training.tables import TASKS, record_figures, run_steps, spec_for, table

from penstock_training.errors import CandidateError
from penstock_training.features import FeaturePlan, features_of
from penstock_training.files import read_json

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("torch") is None,
        reason="torch is not installed: pip install 'penstock[torch]'",
    ),
]

MODULE = """
import torch

def two_layers(inputs, outputs):
    return torch.nn.Sequential(
        torch.nn.Linear(inputs, 32), torch.nn.BatchNorm1d(32), torch.nn.ReLU(),
        torch.nn.Dropout(0.1), torch.nn.Linear(32, outputs),
    )

def no_module(inputs, outputs):
    return inputs, outputs
"""


def spec_with_net(name: str, folder: Path, function: str = "two_layers") -> Any:
    (folder / "nets.py").write_text(MODULE)
    candidates = {
        "families": ["torch"],
        "torch_module": f"nets:{function}",
        "parameters": {"torch": {"epochs": 30}},
    }
    return spec_for(name, with_text=True, candidates=candidates).in_folder(folder)


@pytest.mark.parametrize("name", TASKS)
def test_a_module_is_trained_and_served_in_one_graph_with_its_features(
    name: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    frame = table(name, with_text=True)
    run_steps(spec_with_net(name, tmp_path), frame, tmp_path)
    parity = read_json(tmp_path / "select/parity.json")
    assert parity["rows"]["rows_beyond"] == parity["holed"]["rows_beyond"] == 0
    best = read_json(tmp_path / "candidates/best.json")["torch"]
    assert best["rounds"] >= 1
    worst = {"binary": 0.9, "multiclass": 0.3, "regression": 75}[TASKS[name]]
    assert best["score"] > worst if TASKS[name] == "binary" else best["score"] < worst
    trials = read_json(tmp_path / "candidates/trials.json")
    record_figures(tmp_path, len(trials), record_property)


def test_the_same_seed_makes_the_same_bytes(tmp_path: Path) -> None:
    frame = table("wine", with_text=True)
    for place in ("one", "other"):
        (tmp_path / place).mkdir()
        run_steps(spec_with_net("wine", tmp_path), frame, tmp_path / place)
    one, other = (tmp_path / place / "select/model.onnx" for place in ("one", "other"))
    assert one.read_bytes() == other.read_bytes()
    assert str(tmp_path).encode() not in one.read_bytes()


def test_the_fitted_pipeline_is_read_without_torch_or_the_module(tmp_path: Path) -> None:
    frame = table("wine", with_text=True)
    run_steps(spec_with_net("wine", tmp_path), frame, tmp_path)
    plan = FeaturePlan.from_json(read_json(tmp_path / "features/features.json"))
    rows = features_of(pd.read_parquet(tmp_path / "split/test.parquet"), plan)
    rows.to_pickle(tmp_path / "rows.pkl")
    right = joblib.load(tmp_path / "select/model.joblib").predict_proba(rows)
    program = (
        "import sys, joblib, numpy, pandas; "
        "found = joblib.load(sys.argv[1]).predict_proba(pandas.read_pickle(sys.argv[2])); "
        "numpy.save(sys.argv[3], found); assert not {'torch', 'nets'} & set(sys.modules)"
    )
    files = [str(tmp_path / one) for one in ("select/model.joblib", "rows.pkl", "found.npy")]
    subprocess.run(
        [sys.executable, "-c", program, *files], check=True, cwd="/", env=dict(os.environ)
    )
    np.testing.assert_allclose(np.load(files[2]), right, atol=1e-6)


@pytest.mark.parametrize(
    ("function", "sentence"), [("nowhere", "cannot be found"), ("no_module", "makes a tuple")]
)
def test_a_function_that_makes_no_module_is_refused(
    function: str, sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(CandidateError, match=sentence):
        run_steps(
            spec_with_net("wine", tmp_path, function), table("wine", with_text=True), tmp_path
        )
