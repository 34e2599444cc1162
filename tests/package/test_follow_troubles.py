# SPDX-License-Identifier: Apache-2.0
"""What may happen to a server that follows a registry, in modes other than the default ones."""

from __future__ import annotations

import shutil
import sqlite3
import time
import urllib.request
from contextlib import closing
from functools import partial
from pathlib import Path

from tests.doubles.processes import wait_until
from tests.package.conftest import Opened
from tests.package.keys import make_key
from tests.package.test_follow_registry import (
    Following,
    another,
    is_refused,
    promote,
    register,
    spoil_graph,
    tags_of,
)

from penstock.package.signing import sign_manifest
from penstock.package.smoke import read_smoke
from penstock.registry.tags import REFUSED_TAG
from penstock_client import Client


def is_ready(server: Following) -> bool:
    with Client(server.grpc, retry=None) as client:
        return bool(client.server_ready(timeout=10))


def test_polling_and_strict_readiness_leave_the_registrys_models_to_the_registry(
    registry: Opened, made_packages: dict[str, Path], tmp_path: Path
) -> None:
    opened = registry()
    iris = made_packages["iris"]
    register(opened, iris)
    second = register(opened, another(iris, tmp_path / "second"), "candidate")
    cache, database = tmp_path / "cache", tmp_path / "registry" / "mlflow.db"
    flags = ("--model-control-mode=poll", "--repository-poll-secs=1", "--strict-readiness=true")
    with Following(tmp_path / "registry", f"--registry-cache={cache}", *flags) as server:
        # A model that never was served is forgotten with its alias, and nothing waits for it.
        opened.client.create_registered_model("empty")
        made = opened.client.create_model_version("empty", (tmp_path / "nowhere").as_uri())
        opened.client.set_registered_model_alias("empty", "champion", made.version)
        wait_until(lambda: not is_ready(server), "a refused version is not overlooked")
        assert server.index("empty")["1"][0] == "UNAVAILABLE"
        opened.client.delete_registered_model_alias("empty", "champion")
        wait_until(lambda: is_ready(server), "it is forgotten")
        assert server.index("empty") == {}
        # The cache is removed under the server.
        shutil.rmtree(cache)
        wait_until(lambda: any(cache.glob("*/models/iris/1/model.onnx")), "it is fetched again")
        assert server.versions("iris") == ("1",)
        # Another database takes the place of the one that is open.
        new = tmp_path / "new.db"
        shutil.copyfile(database, new)
        with closing(sqlite3.connect(new)) as changed, changed:
            changed.execute("UPDATE registered_model_aliases SET version = ?", (second,))
        new.rename(database)
        server.wait_for("iris", second)


def test_lazy_models_are_tried_before_they_take_anothers_place_and_stay_unloaded_if_told_so(
    registry: Opened, made_packages: dict[str, Path], tmp_path: Path
) -> None:
    opened = registry()
    iris = made_packages["iris"]
    private, public = make_key(tmp_path, "ours")
    packages = {
        "first": another(iris, tmp_path / "first"),
        "broken": another(iris, tmp_path / "broken", change=spoil_graph),
        "good": another(iris, tmp_path / "good"),
    }
    for package in packages.values():
        sign_manifest(package, private)
    packages["unsigned"] = another(iris, tmp_path / "unsigned")
    register(opened, packages["first"])
    numbers = {
        name: register(opened, packages[name], "candidate")
        for name in ("broken", "unsigned", "good")
    }
    smoke = read_smoke(iris / "smoke.json")
    modes = ("--model-load-mode=lazy", "--model-control-mode=explicit")
    signed = ("--require-signed", f"--package-public-key={public}")
    with (
        Following(tmp_path / "registry", *modes, *signed) as server,
        Client(server.grpc, retry=None) as client,
    ):
        assert "asleep" in server.index("iris")["1"][1]
        for name, reason in (("broken", "model.onnx"), ("unsigned", "is not signed")):
            promote(opened, "iris", numbers[name])
            wait_until(partial(is_refused, opened, numbers[name]), f"{name} is refused")
            told = tags_of(opened, "iris", numbers[name])[REFUSED_TAG]
            assert reason in told
            assert "\n" not in told
            assert server.index("iris")["1"][0] == "READY"
            client.infer("iris", dict(smoke.inputs), timeout=10)
        promote(opened, "iris", 1)
        wait_until(lambda: list(server.index("iris")) == ["1"], "the others are forgotten")
        url = f"http://{server.rest}/v2/repository/models/iris/unload"
        urllib.request.urlopen(urllib.request.Request(url, b"{}", method="POST"), timeout=10)
        began = time.time()
        looked = "penstock_registry_last_answer_timestamp_seconds"
        wait_until(lambda: server.sample(looked) > began + 1, "it has looked several times")
        assert server.index("iris")["1"] == ("UNAVAILABLE", "unloaded")
        promote(opened, "iris", numbers["good"])
        good = str(numbers["good"])
        wait_until(lambda: server.index("iris").get(good, [""])[0] == "READY", "it is loaded")
