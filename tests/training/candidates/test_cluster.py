# SPDX-License-Identifier: Apache-2.0
import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.training.tables import record_figures, run_steps, spec_for, table

from penstock_training.errors import CandidateError
from penstock_training.files import read_json

IS_THERE = importlib.util.find_spec("ray") is not None
needs_ray = pytest.mark.skipif(
    not IS_THERE, reason="Ray is not installed: pip install 'penstock[ray]'"
)

CANDIDATES = {
    "families": ["linear", "lightgbm"],
    "parameters": {"lightgbm": {"n_estimators": 20, "num_leaves": [4, 31]}},
}


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


@pytest.mark.slow
@needs_ray
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning")
def test_trials_on_a_cluster_choose_the_same_model_each_time(
    address: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    search = {"trials": 10, "ray_address": address}
    spec = spec_for("wine", with_text=True, candidates=CANDIDATES, search=search)
    for place in ("one", "other"):
        (tmp_path / place).mkdir()
        run_steps(spec, table("wine", with_text=True), tmp_path / place)
    trials = read_json(tmp_path / "one/candidates/trials.json")
    assert len(trials) == 20
    assert {one["state"] for one in trials} == {"complete"}
    for name in ("candidates/trials.json", "select/model.onnx"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()
    record_figures(tmp_path / "one", len(trials), record_property)


@pytest.mark.slow
@needs_ray
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning")
def test_an_address_where_no_cluster_answers_is_refused(tmp_path: Path) -> None:
    spec = spec_for("wine", search={"ray_address": "127.0.0.1:1"})
    with pytest.raises(CandidateError, match="no Ray cluster answers there"):
        run_steps(spec, table("wine"), tmp_path)


@pytest.mark.skipif(IS_THERE, reason="Ray is installed")
def test_a_cluster_without_ray_is_refused_with_the_mend(tmp_path: Path) -> None:
    spec = spec_for("wine", search={"ray_address": "auto"})
    with pytest.raises(
        CandidateError, match=r"ray_address needs Ray.*pip install 'penstock\[ray\]'"
    ):
        run_steps(spec, table("wine"), tmp_path)
