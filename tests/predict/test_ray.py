# SPDX-License-Identifier: Apache-2.0
"""A cluster of Ray, which is an extra: `make test-slow` has it."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.predict.conftest import ROWS, Forest

from penstock.errors import PredictError
from penstock.predict import PredictOptions, predict_file

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None,
    reason="Ray is not installed: pip install 'penstock[predict,ray]'",
)
pytestmark = [
    pytest.mark.slow,
    needs_ray,
    pytest.mark.filterwarnings(
        "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"
    ),
]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A cluster of two workers of one thread each, besides a head that runs nothing."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    for _ in range(2):
        cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    yield cluster.address
    cluster.shutdown()


def test_a_cluster_gives_the_file_that_this_machine_gives(
    address: str, forest: Forest, rows_file: Path, tmp_path: Path
) -> None:
    options = PredictOptions(
        model=str(forest.package),
        input=str(rows_file),
        output=tmp_path / "here.parquet",
        keep=("id",),
        part_rows=20_000,
    )
    predict_file(options)
    there = replace(options, output=tmp_path / "there.parquet", ray=address)
    assert predict_file(there).rows == ROWS
    assert (tmp_path / "there.parquet").read_bytes() == (tmp_path / "here.parquet").read_bytes()


def test_an_address_where_no_cluster_answers_is_refused(
    forest: Forest, rows_file: Path, tmp_path: Path
) -> None:
    options = PredictOptions(
        model=str(forest.package),
        input=str(rows_file),
        output=tmp_path / "out.parquet",
        ray="127.0.0.1:1",
    )
    with pytest.raises(PredictError, match="no Ray cluster answers there"):
        predict_file(options)
