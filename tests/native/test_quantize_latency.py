# SPDX-License-Identifier: Apache-2.0
"""What a call costs, as the gate measures it."""

from pathlib import Path

import pytest
from tests.native.trained_nets import cancer_net

from penstock.errors import EngineError
from penstock.native import load
from penstock.native.artifact import write_artifact
from penstock.native.quantize.latency import native_measure


def test_calls_of_the_rows_asked_for_and_of_a_batch_are_measured() -> None:
    net = cancer_net()
    found = native_measure(1)(net.model, {"x": net.x})
    assert sorted(found) == [1, 64]
    assert 0 < found[1] < found[64]


def test_where_there_are_fewer_rows_a_batch_is_not_measured() -> None:
    net = cancer_net()
    assert sorted(native_measure(3)(net.model, {"x": net.x[:10]})) == [3]


def test_what_cannot_be_run_cannot_be_measured(tmp_path: Path) -> None:
    net = cancer_net()
    write_artifact(net.model, tmp_path / "net.pnst")
    with pytest.raises(EngineError, match="wanted rows of shape"):
        load(tmp_path / "net.pnst").least_ns(net.x[:, 1:])
