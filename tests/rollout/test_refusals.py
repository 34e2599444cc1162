# SPDX-License-Identifier: Apache-2.0
"""What a real server refuses of rollouts: one sentence each, by gRPC, REST and the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
from onnx import TensorProto, helper
from tests.doubles.model_files import add_graph
from tests.doubles.running import RunningServer
from tests.doubles.two_versions import AT_5_PERCENT, BOTH, EXPLICIT, TwoVersions

from penstock_client import Client, PenstockError

X = np.ones((1, 1), np.float32)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """`fraud` has versions 1 and 2, `busy` a rollout, `wider` a version 2 of other tensors."""
    repository = tmp_path_factory.mktemp("refusals") / "models"
    for name in ("fraud", "busy"):
        files = TwoVersions(repository=repository, name=name, more=BOTH)
        files.write()
        files.add(2)
    for version in (1, 2):
        x, y = (
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", version])
            for name in "xy"
        )
        node = helper.make_node("Identity", ["x"], ["y"])
        config = f"max_batch_size: 8 {BOTH}"
        add_graph(
            repository, "wider", [node], inputs=[x], outputs=[y], version=version, config=config
        )
    with RunningServer(repository, flags=EXPLICIT) as made, Client(made.grpc) as client:
        client.rollouts.start("busy", 2, stable=1, spec=AT_5_PERCENT)
        yield made


def by_grpc(server: RunningServer, tmp_path: Path, wish: Wish) -> str:
    with Client(server.grpc) as client, pytest.raises(PenstockError) as caught:
        client.rollouts.start(
            wish.model, wish.candidate, stable=wish.stable or None, spec=wish.spec
        )
    return str(caught.value)


def by_rest(server: RunningServer, tmp_path: Path, wish: Wish) -> str:
    body: dict[str, object] = {"model": wish.model, "candidate": wish.candidate}
    body |= {"stable": wish.stable} if wish.stable else {}
    body |= {"spec_toml": wish.spec} if wish.spec else {}
    url = f"http://{server.rest}/admin/v1/rollouts"
    request = urllib.request.Request(url, json.dumps(body).encode())
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=10)
    with caught.value as error:
        assert 400 <= error.code < 500
        return str(json.loads(error.read())["error"])


def by_command(server: RunningServer, tmp_path: Path, wish: Wish) -> str:
    options = [f"--version={wish.candidate}", f"--url={server.grpc}"]
    options += [f"--stable={wish.stable}"] if wish.stable else []
    if wish.spec:
        (tmp_path / "rollout.toml").write_text(wish.spec)
        options.append(f"--spec={tmp_path / 'rollout.toml'}")
    done = subprocess.run(
        [sys.executable, "-m", "penstock", "rollout", "start", wish.model, *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "TERM": "dumb", "COLUMNS": "400"},
    )
    assert done.returncode == 4, done
    assert not done.stdout
    return done.stderr.strip()


@dataclass(frozen=True, kw_only=True)
class Wish:
    model: str = "fraud"
    candidate: int = 2
    stable: int = 1
    spec: str | None = None


WISHES = {
    "unknown model": (Wish(model="frod"), "No model 'frod' is loaded."),
    "unknown candidate": (
        Wish(candidate=7),
        "Version 7 of 'fraud' is not loaded; these are: 1, 2.",
    ),
    "unknown stable": (Wish(stable=9), "Version 9 of 'fraud' is not loaded; these are: 1, 2."),
    "no candidate": (
        Wish(stable=0),
        "Version 2 of 'fraud' is what is served already. Say which version is stable; loaded are: "
        "1, 2.",
    ),
    "two rollouts": (
        Wish(model="busy"),
        "'busy' has a rollout already, busy-1 of version 2, in state canary. Promote it or roll it "
        "back first.",
    ),
    "another signature": (Wish(model="wider"), "Version 2 of 'wider' has another signature than 1"),
    "unknown key": (
        Wish(spec="stages = [100]"),
        "stages: there is no such key; docs/rollouts.md lists them.",
    ),
    "no stages": (
        Wish(spec="stages_bp = [100, 500]"),
        "wanted stages_bp that end with 10000, found 500.",
    ),
    "a weight that is none": (
        Wish(spec="[guardrails]\nerrors_weight = 0"),
        "guardrails.errors_weight: wanted a number greater than 0, found 0",
    ),
    "unknown secret": (
        Wish(spec='shadow = false\nforce_keys = ["support"]'),
        "force_keys names 'support', which is none of the server's route_force_keys: give "
        "--route-force-key NAME=FILE.",
    ),
    "unknown arm": (
        Wish(spec='shadow = false\n[[overrides]]\narm = "left"\nkey = "k"'),
        "overrides[0].arm: wanted one of stable, control, canary, found 'left'.",
    ),
    "two arms of one key": (
        Wish(
            spec="shadow = false\n"
            + '[[overrides]]\narm = "stable"\nkey = "k"\n'
            + '[[overrides]]\narm = "canary"\nkey = "k"\n'
        ),
        "two overrides are for the same key.",
    ),
}


COMMANDED = ("unknown candidate", "another signature", "unknown key")


@pytest.mark.parametrize("way", [by_grpc, by_rest, by_command])
def test_what_cannot_be_rolled_out_is_one_sentence(
    server: RunningServer, tmp_path: Path, way: Callable[[RunningServer, Path, Wish], str]
) -> None:
    # A command takes a second to start.
    for name in COMMANDED if way is by_command else WISHES:
        wish, sentence = WISHES[name]
        told = way(server, tmp_path, wish)
        assert sentence in told and "\n" not in told, (name, told)
    with Client(server.grpc) as client:
        assert [one.model for one in client.rollouts.list()] == ["busy"]
        # A start that was refused late has not changed who answers.
        assert client.infer("fraud", {"x": X}).model_version == "2"


def test_the_tritonclient_needs_no_change_while_a_rollout_goes_on(server: RunningServer) -> None:
    for module, url in ((triton_grpc, server.grpc), (triton_http, server.rest)):
        client = module.InferenceServerClient(url)
        tensor = module.InferInput("x", [1, 1], "FP32")
        tensor.set_data_from_numpy(X)
        for version, found in (
            ("", {"1", "2"}),
            ("canary", {"2"}),
            ("stable", {"1"}),
            ("2", {"2"}),
        ):
            seen = set()
            for number in range(200 if version == "" else 5):
                headers = {"penstock-sticky-key": f"user-{number}"}
                answer = client.infer("busy", [tensor], model_version=version, headers=headers)
                told = answer.get_response()
                seen.add(told["model_version"] if isinstance(told, dict) else told.model_version)
                assert answer.as_numpy("y")[0, 0] in {float(one) for one in found}
            assert seen == found, version
        assert client.is_model_ready("busy", "canary")
        assert client.is_model_ready("busy")
        client.get_model_metadata("busy", "canary")
        client.close()
