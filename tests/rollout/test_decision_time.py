# SPDX-License-Identifier: Apache-2.0
"""How soon a bad candidate is out, over the wire: 1000 requests a second, 5 % of them its own, of
which it fails ten times as many as stable. `benchmarks.slow_results` keeps what the slow form
finds.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from tests.doubles.model_files import add_config, config_text
from tests.doubles.paced_load import PacedLoad
from tests.doubles.running import RunningServer
from tests.doubles.two_versions import AT_5_PERCENT, EXPLICIT, is_state, until

from penstock_client import Client

PER_S = 1000
STABLE_FAILS, CANDIDATE_FAILS = 0.01, 0.1
DECISION_P90_S = 5.0
#: After the decision.
LAST_MS = 50.0

SPEC = AT_5_PERCENT + '[sticky]\nsource = "request_id"\n'

#: Fails by chance; writes down when each request was sent and when it was executed.
MODEL = """
import os
import random
import struct
import time


class Model:
    def load(self, context):
        self.file = os.open({record!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def execute(self, batch):
        os.write(self.file, struct.pack("dd", batch["sent"][0, 0], time.time()))
        if random.random() < {fails}:
            raise ValueError("by chance")
        return {{"y": batch["sent"]}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """`executed`: rows of when the candidate's requests were sent and executed, and `verdict_s` of
    the decision: seconds since 1970. `took_s` from the candidate's first share to the decision.
    """

    took_s: float
    verdict_s: float
    executed: np.ndarray

    @property
    def last_sent_ms(self) -> float:
        """After the decision, of those that the candidate executed."""
        return float(self.executed[:, 0].max() - self.verdict_s) * 1000

    @property
    def last_executed_ms(self) -> float:
        return float(self.executed[:, 1].max() - self.verdict_s) * 1000


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return tmp_path / "executed"


@pytest.fixture
def server(tmp_path: Path, record: Path) -> Iterator[RunningServer]:
    text = config_text([("sent", "TYPE_FP64", [1])], [("y", "TYPE_FP64", [1])])
    config = f'backend: "python"\nmax_batch_size: 1\nversion_policy {{ all {{}} }}\n{text}'
    for version, fails in ((1, STABLE_FAILS), (2, CANDIDATE_FAILS)):
        folder = add_config(tmp_path / "models", "fraud", config, version)
        path = record if version == 2 else Path(os.devnull)
        (folder / "model.py").write_text(MODEL.format(record=str(path), fails=fails))
    with RunningServer(tmp_path / "models", flags=EXPLICIT) as made:
        yield made


def run(client: Client, load: PacedLoad, record: Path) -> Run:
    os.truncate(record, 0)
    began = client.rollouts.start("fraud", 2, stable=1, spec=SPEC)
    status = until(
        client, is_state("rolled_back"), "it is rolled back", meanwhile=lambda: load.go_on(50)
    )
    load.go_on(PER_S // 2)
    verdict = status.evidence.verdict
    assert verdict is not None and verdict.guardrail == "errors", status.why
    # The wall clock of a verdict is in whole milliseconds, cut off.
    return Run(
        took_s=(verdict.wall_ms - began.started_ms) / 1000,
        verdict_s=(verdict.wall_ms + 1) / 1000,
        executed=np.fromfile(record).reshape(-1, 2),
    )


def test_no_request_reaches_a_candidate_once_it_is_judged(
    server: RunningServer, record: Path
) -> None:
    with Client(server.grpc) as client, PacedLoad(server.grpc_port, "fraud", PER_S) as load:
        found = run(client, load, record)
    assert found.last_sent_ms <= LAST_MS
    assert (load.answered, load.refused) == (load.sent, 0)


@pytest.mark.slow
def test_a_tenfold_error_rate_is_found_within_seconds(
    server: RunningServer, record: Path, record_property: Callable[[str, object], None]
) -> None:
    with Client(server.grpc) as client, PacedLoad(server.grpc_port, "fraud", PER_S) as load:
        runs = [run(client, load, record) for _ in range(20)]
    took = np.array([one.took_s for one in runs])
    figures = {
        "requests_per_second": round(load.rate, 1),
        "decision_p50_s": round(float(np.quantile(took, 0.5)), 3),
        "decision_p90_s": round(float(np.quantile(took, 0.9)), 3),
        "last_sent_ms": round(max(one.last_sent_ms for one in runs), 2),
        "last_executed_ms": round(max(one.last_executed_ms for one in runs), 2),
        "requests": load.sent,
    }
    for name, value in figures.items():
        record_property(name, value)
    assert figures["requests_per_second"] >= 0.95 * PER_S
    assert figures["decision_p90_s"] < DECISION_P90_S
    assert figures["last_executed_ms"] <= LAST_MS
