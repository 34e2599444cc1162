# SPDX-License-Identifier: Apache-2.0
"""kserve's own clients, unchanged, against a live server."""

from __future__ import annotations

from typing import Any

import pytest
from tests.doubles.running import RunningServer
from tests.story.client_environments import ClientEnvironment

pytestmark = pytest.mark.slow

TOTAL, GAP = [[11, 22], [33, 44]], [[-9, -18], [-27, -36]]


@pytest.fixture(scope="module")
def told(triton_server: RunningServer) -> Any:
    """What the story tells."""
    return ClientEnvironment("kserve", "kserve==0.21.0").told(triton_server)


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
def test_kserves_clients_see_a_live_ready_server(told: Any, protocol: str) -> None:
    assert told[protocol]["live"] is True
    assert told[protocol]["ready"] is True
    assert told[protocol]["model_ready"] is True


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
@pytest.mark.parametrize("kind", ["json", "binary"])
def test_kserves_clients_infer(told: Any, protocol: str, kind: str) -> None:
    assert told[protocol][kind] == {
        "id": "7",
        "model": "simple",
        # Its client of REST leaves the version unread.
        "version": "1" if protocol == "grpc" else None,
        "outputs": {"total": TOTAL, "gap": GAP},
    }


def test_kserves_client_of_rest_asks_for_outputs_and_sends_texts(told: Any) -> None:
    assert told["rest"]["asked_for"]["outputs"] == {"gap": GAP}
    assert told["rest"]["texts"] == ["a", "grüße"]


def test_kserves_clients_are_told_of_an_unknown_model(told: Any) -> None:
    assert told["rest"]["rose_ready"] is False
    assert "Request for unknown model: 'rose' is not found" in told["rest"]["rose"]
    code, why = told["grpc"]["rose"]
    assert code == "NOT_FOUND"
    assert "Request for unknown model: 'rose' is not found" in why


def test_kserves_client_speaks_v1(told: Any) -> None:
    v1 = told["v1"]
    assert v1["live"] is True
    assert v1["model_ready"] is True
    assert v1["rows"] == {"predictions": [[5, 7, 9], [11, 13, 15]]}
    sums = [[2, 4], [6, 8]]
    zeros = [[0, 0], [0, 0]]
    rows = [{"total": total, "gap": gap} for total, gap in zip(sums, zeros, strict=True)]
    assert v1["named_rows"] == {"predictions": rows}
    assert v1["columns"] == {"outputs": {"total": sums, "gap": zeros}}
    for asked in ("rose", "rose_ready"):
        status, why = v1[asked]
        assert status == 404
        assert "Request for unknown model: 'rose' is not found" in why


def test_kserves_stubs_load_and_unload(told: Any) -> None:
    repository = told["repository"]
    assert repository["unload"] == ["affine", True, False]
    assert repository["load"] == ["affine", True, True]
    code, why = repository["rose"]
    assert code == "INTERNAL"
    assert "failed to load 'rose'" in why
    # Its own messages do not know the properties, and are not harmed by them.
    assert repository["described"] == ["described", ["x"]]
