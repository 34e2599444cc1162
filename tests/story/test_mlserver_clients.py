# SPDX-License-Identifier: Apache-2.0
"""mlserver's own clients, unchanged, against a live server: its stubs and `mlserver infer`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.doubles.running import RunningServer
from tests.story.client_environments import ClientEnvironment

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def environment() -> ClientEnvironment:
    return ClientEnvironment("mlserver", "mlserver==1.7.1")


@pytest.fixture(scope="module")
def told(environment: ClientEnvironment, triton_server: RunningServer) -> Any:
    """What the story tells."""
    return environment.told(triton_server)


def test_mlservers_stubs_ask_and_infer(told: Any) -> None:
    inference = told["inference"]
    assert inference["live"] is inference["ready"] is inference["model_ready"] is True
    assert inference["server"] == "triton"
    outputs = {"total": [[11, 22], [33, 44]], "gap": [[-9, -18], [-27, -36]]}
    for kind in ("typed", "raw"):
        assert inference[kind] == {"id": "7", "model": "simple", "outputs": outputs}
    assert inference["texts"] == ["a", "grüße"]
    assert inference["content_type"] == "np"
    code, why = inference["rose"]
    assert code == "NOT_FOUND", why
    assert "Request for unknown model: 'rose' is not found" in why


def test_mlservers_stubs_load_and_unload(told: Any) -> None:
    repository = told["repository"]
    assert {"affine", "simple"} <= set(repository["index"])
    assert repository["after_unload"] is False
    assert repository["after_load"] is True
    code, why = repository["rose"]
    assert code == "INTERNAL"
    assert "failed to load 'rose'" in why


@pytest.mark.parametrize("more", [(), ("--binary-data",), ("--batch-size=4",)])
def test_mlserver_infer_runs_a_file_of_requests(
    environment: ClientEnvironment,
    triton_server: RunningServer,
    tmp_path: Path,
    more: tuple[str, ...],
) -> None:
    given, made = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    tensor = {"name": "x", "shape": [1, 3], "datatype": "FP32"}
    requests = [
        {"id": str(n), "inputs": [{**tensor, "data": [n, n, n]}], "outputs": [{"name": "y"}]}
        for n in range(20)
    ]
    given.write_text("".join(json.dumps(request) + "\n" for request in requests))
    files = (f"--input-data-path={given}", f"--output-data-path={made}")
    where = (f"--url={triton_server.rest}", "--model-name=affine", "--workers=3", "--retries=1")
    environment.run("mlserver", "infer", *where, *files, *more)
    answers = {answer["id"]: answer for answer in map(json.loads, made.read_text().splitlines())}
    assert len(answers) == len(requests)
    for n in range(20):
        [output] = answers[str(n)]["outputs"]
        assert (output["name"], output["shape"]) == ("y", [1, 3])
        assert output["data"] == [2 * n + 3] * 3
