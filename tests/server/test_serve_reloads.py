# SPDX-License-Identifier: Apache-2.0
"""Models that are loaded again and again under load: no request fails, and each answer is right."""

from __future__ import annotations

import json
import time
import urllib.request
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from onnx import TensorProto, helper
from tests.doubles.model_files import add_graph, add_identity
from tests.doubles.running import PATIENCE_S, RunningServer
from tests.doubles.steady_load import Load

MODELS = ("echo", "graph")
RELOADS = 50
PACE_S = 0.1


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two models that give x back as x_out: the identity, and a graph of ONNX."""
    add_identity(tmp_path, "echo", [("x", "TYPE_FP32", [-1])], rows_max=0)
    add_graph(
        tmp_path,
        "graph",
        [helper.make_node("Identity", ["x"], ["x_out"])],
        inputs=[helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])],
        outputs=[helper.make_tensor_value_info("x_out", TensorProto.FLOAT, ["n"])],
        config="max_batch_size: 0",
    )
    return tmp_path


class Files:
    """The configurations, which differ from one writing to the next."""

    def __init__(self, repository: Path) -> None:
        self._files = {name: repository / name / "config.pbtxt" for name in MODELS}
        self._texts = {name: file.read_text() for name, file in self._files.items()}

    def write(self, number: int) -> None:
        """As a whole, for the server may look at any moment."""
        mark = f'\nparameters {{ key: "written" value {{ string_value: "{number}" }} }}'
        for name, file in self._files.items():
            part = file.with_suffix(".part")
            part.write_text(self._texts[name] + mark)
            part.replace(file)


def served(server: RunningServer, model: str) -> int:
    """Which writing of its configuration is served."""
    address = f"http://{server.rest}/v2/models/{model}/config"
    with urllib.request.urlopen(address, timeout=PATIENCE_S) as answer:
        parameters = json.load(answer).get("parameters", {})
    return int(parameters.get("written", {}).get("string_value", 0))


def are_served(server: RunningServer, number: int) -> bool:
    return all(served(server, model) == number for model in MODELS)


def is_past(moment_s: float) -> bool:
    return time.monotonic() >= moment_s


def load(server: RunningServer, model: str) -> None:
    address = f"http://{server.rest}/v2/repository/models/{model}/load"
    with urllib.request.urlopen(
        urllib.request.Request(address, b"{}"), timeout=PATIENCE_S
    ) as answer:
        assert answer.status == 200


def loaded(stack: ExitStack, server: RunningServer) -> list[Load]:
    """Clients of both models over both protocols."""
    return [stack.enter_context(Load(server.grpc, server.rest, 2, model)) for model in MODELS]


def test_reloads_ten_times_a_second_fail_no_request(repository: Path) -> None:
    flags = ("--model-control-mode=explicit", "--load-model=*")
    files = Files(repository)
    with RunningServer(repository, flags=flags) as server, ExitStack() as stack:
        loads = loaded(stack, server)
        for number in range(1, RELOADS + 1):
            began = time.monotonic()
            files.write(number)
            for model in MODELS:
                load(server, model)
                assert served(server, model) == number
            loads[0].until(partial(is_past, began + PACE_S), "it is time")
        for one in loads:
            one.go_on()
            one.stop()
        assert not [sentence for one in loads for sentence in one.failures]


def test_reloads_that_polling_finds_fail_no_request(repository: Path) -> None:
    flags = ("--model-control-mode=poll", "--repository-poll-secs=1")
    files = Files(repository)
    with RunningServer(repository, flags=flags) as server, ExitStack() as stack:
        loads = loaded(stack, server)
        for number in (1, 2):
            files.write(number)
            loads[0].until(
                partial(are_served, server, number),
                f"writing {number} is served",
            )
        for one in loads:
            one.go_on()
            one.stop()
        assert not [sentence for one in loads for sentence in one.failures]
