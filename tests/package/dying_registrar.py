# SPDX-License-Identifier: Apache-2.0
"""A program that registers a package again and again, and is killed after some call of MLflow;
each time another process then looks, registers again, and looks.

    python -m tests.package.dying_registrar STORE PACKAGE FOLDER [CALL...]

It is killed after each CALL, by its name; without any, after the first call, the second, and so
on, until a registration comes to its end. It prints lines of JSON. MLflow is imported once; what is
killed are forks of this process, which has opened nothing yet.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import mlflow.store.model_registry.sqlalchemy_store  # the forks have it then
import mlflow.store.tracking.sqlalchemy_store  # noqa: F401
from tests.doubles.registries import registry_in, run_of

from penstock.package import read_manifest, verify_package

KILLS_MAX = 100


#: Whether to die in the call of this number and name.
Dies = Callable[[int, str], bool]


class Dying:
    """A client whose process is killed after a call that `dies`; of an upload, in its middle."""

    def __init__(self, client: Any, dies: Dies) -> None:
        self._client, self._dies = client, dies
        self._calls = 0

    def __getattr__(self, name: str) -> Any:
        call: Callable[..., Any] = getattr(self._client, name)

        def counted(*arguments: Any, **named: Any) -> Any:
            self._calls += 1
            dies = self._dies(self._calls, name)
            if dies and name == "log_artifacts":
                run_id, folder, path = arguments
                self._client.log_artifact(run_id, f"{folder}/model.onnx", path)
            else:
                answer = call(*arguments, **named)
            if dies:
                print(json.dumps({"killed_in": name}), flush=True)
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        return counted


def register(folder: Path, store: Path, package: Path, dies: Dies | None) -> None:
    registry = registry_in(folder, store)
    if dies:
        registry.client = Dying(registry.client, dies)
    run_id = run_of(registry, read_manifest(package).digest)
    registry.register(package, run_id=run_id, alias="candidate")


def look(folder: Path, store: Path, label: str) -> None:
    registry = registry_in(folder, store)
    shown = {model.name: model.latest for model in registry.models()}
    versions = registry.client.search_model_versions()
    for version in versions:
        verify_package(Path(unquote(urlsplit(version.source).path)))
    experiments = [one.experiment_id for one in registry.client.search_experiments()]
    runs = registry.client.search_runs(experiments)
    told = {
        "seen": label,
        "models": shown,
        "versions": [int(one.version) for one in versions],
        "aliases": [list(registry.version(name).aliases) for name in shown],
        "running": sum(run.info.status == "RUNNING" for run in runs),
        "finished": sum(
            run.info.status == "FINISHED" and "mlflow.parentRunId" not in run.data.tags
            for run in runs
        ),
        "bare_models": [
            model.name
            for model in registry.client.search_registered_models()
            if not model.latest_versions
        ],
    }
    print(json.dumps(told), flush=True)


def in_a_fork(work: Callable[[], None]) -> bool:
    """Whether it came to its end; False: it was killed."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status):
        return False
    if os.WEXITSTATUS(status):
        raise SystemExit("a fork has failed")
    return True


def registered(store: Path, package: Path, place: Path, dies: Dies) -> bool:
    """Whether a registration into a new registry came to its end; if not, it was resumed."""

    def resume() -> None:
        look(place, store, "killed")
        register(place, store, package, None)
        look(place, store, "resumed")

    if in_a_fork(lambda: register(place, store, package, dies)):
        return True
    in_a_fork(resume)
    return False


def in_call(wanted: str) -> Dies:
    return lambda _, name: name == wanted


def at(wanted: int) -> Dies:
    return lambda number, _: number == wanted


def main(store: str, package: str, folder: str, *calls: str) -> None:
    files = Path(store), Path(package)
    for call in calls:
        if registered(*files, Path(folder, call), in_call(call)):
            raise SystemExit(f"{call} was not called")
    for number in () if calls else range(1, KILLS_MAX):
        if registered(*files, Path(folder, str(number)), at(number)):
            return
    if not calls:
        raise SystemExit("it does not come to an end")


if __name__ == "__main__":
    main(*sys.argv[1:])
