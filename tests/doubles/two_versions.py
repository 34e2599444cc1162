# SPDX-License-Identifier: Apache-2.0
"""A model with a stable version and a candidate, and clients that ask it key by key."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent, indent

import numpy as np
from tests.doubles.model_files import config_text

from penstock_client import Client, PenstockError, RolloutStatus

PATIENCE_S = 30.0
MODEL = "fraud"

#: Both of its versions loaded, for rollouts that are begun by hand.
BOTH = "version_policy { latest { num_versions: 2 } }"
#: y is x times the version's number, and what else `code` does; it sees x and y of a batch.
_MODEL = """
import os
import random
import time

import numpy as np


class Model:
    def load(self, context):
        self.chance = random.Random({seed})
        self.number = 0

    def execute(self, batch):
        x = batch["x"]
        y = x * {factor}
{code}
        return {{"y": y}}
"""

#: A policy whose steps are left as soon as the evidence allows it.
QUICK = """
stages_bp = [2_000, 5_000, 10_000]
dwell_s = 0.1
requests_min = 20
shadow = false
idempotent = true

[promotion]
max_bad_rate = 0.05
harm_budget = 0.5
"""
#: What a candidate does that fails every request.
FAILS = 'raise ValueError("the new features are missing")'
POLLING = ("--model-control-mode=poll", "--repository-poll-secs=1")
EXPLICIT = ("--model-control-mode=explicit", "--load-model=*")

#: One that stays at 5 % whatever comes.
AT_5_PERCENT = """
stages_bp = [500, 10_000]
dwell_s = 600
shadow = false
"""


@dataclass(kw_only=True)
class TwoVersions:
    """The files of a model. Version 1 is there; `add` gives it others, whole in one step."""

    repository: Path
    name: str = MODEL
    rows_max: int = 8
    more: str = ""

    @property
    def folder(self) -> Path:
        return self.repository / self.name

    def write(self, *, rollout: str = "", route: str = "", code: str = "") -> None:
        """config.pbtxt and version 1, with a policy or a route beside them."""
        self.folder.mkdir(parents=True)
        text = config_text([("x", "TYPE_FP32", [1])], [("y", "TYPE_FP32", [1])], self.more)
        head = f'backend: "python"\nmax_batch_size: {self.rows_max}\n'
        (self.folder / "config.pbtxt").write_text(head + text)
        self.add(1, code=code)
        if rollout:
            (self.folder / "rollout.toml").write_text(rollout)
        if route:
            (self.folder / "route.toml").write_text(route)

    def add(self, number: int, *, code: str = "") -> None:
        """Its y is `number` times x."""
        made = self.repository.parent / f".{self.name}-{number}"
        made.mkdir()
        inner = indent(dedent(code).strip("\n"), " " * 8)
        text = _MODEL.format(factor=number, seed=number, code=inner)
        (made / "model.py").write_text(text)
        os.rename(made, self.folder / str(number))


@dataclass
class Asked:
    """What came of requests: arms and versions by key, and the sentences of those that failed."""

    arms: dict[str, tuple[str, str]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def add(self, more: Asked) -> None:
        self.arms |= more.arms
        self.failures += more.failures

    def counts(self) -> Counter[tuple[str, str]]:
        return Counter(self.arms.values())


def ask(client: Client, keys: Iterable[str], *, model: str = MODEL, x: float = 1.0) -> Asked:
    """One request for each key over gRPC; each answer must be that of the version it names."""
    asked = Asked()
    row = np.full((1, 1), x, np.float32)
    for key in keys:
        try:
            result = client.infer(model, {"x": row}, sticky_key=key, timeout=10)
        except PenstockError as error:
            asked.failures.append(f"{key}: {error}")
            continue
        assert result["y"][0, 0] == x * float(result.model_version), (key, result.model_version)
        asked.arms[key] = (result.arm, result.model_version)
    return asked


def ask_rest(
    rest: str,
    *,
    model: str = MODEL,
    version: str = "",
    request_id: str = "",
    headers: Mapping[str, str] | None = None,
    parameters: Mapping[str, object] | None = None,
) -> tuple[str, str]:
    """The arm and the version that answer one request over REST; the error's sentence and ""."""
    body: dict[str, object] = {
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [1]}]
    }
    if request_id:
        body["id"] = request_id
    if parameters:
        body["parameters"] = dict(parameters)
    label = f"/versions/{version}" if version else ""
    request = urllib.request.Request(
        f"http://{rest}/v2/models/{model}{label}/infer",
        json.dumps(body).encode(),
        dict(headers or {}),
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            told = json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return str(json.loads(error.read())["error"]), ""
    return str(told.get("parameters", {}).get("penstock_arm", "")), str(told["model_version"])


def post(rest: str, path: str, body: Mapping[str, object] | None = None) -> int:
    """The status of a control call."""
    request = urllib.request.Request(f"http://{rest}{path}", json.dumps(body or {}).encode())
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def keys(count: int, prefix: str = "user") -> list[str]:
    return [f"{prefix}-{number}" for number in range(count)]


def until(
    client: Client,
    is_so: Callable[[RolloutStatus], bool],
    what: str,
    *,
    meanwhile: Callable[[], object] = lambda: None,
    model: str = MODEL,
) -> RolloutStatus:
    """Looks at the rollout until it is so, and does `meanwhile` between the looks."""
    end = time.monotonic() + PATIENCE_S
    status = None
    while time.monotonic() < end:
        meanwhile()
        try:
            status = client.rollouts.status(model, timeout=10)
        except PenstockError:  # no rollout yet
            continue
        if is_so(status):
            return status
    told = "none" if status is None else f"{status.state} {status.canary_bp}: {status.why}"
    raise AssertionError(f"waited in vain until {what}; the rollout is {told}")


def is_state(*states: str) -> Callable[[RolloutStatus], bool]:
    return lambda status: status.state in states
