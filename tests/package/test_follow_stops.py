# SPDX-License-Identifier: Apache-2.0
"""What ends or holds up a change-over from outside: a signal, a full disk, a restart."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.doubles.processes import children, is_running, wait_until
from tests.package.conftest import Opened
from tests.package.test_follow_registry import (
    Following,
    another,
    is_refused,
    promote,
    register,
    tags_of,
)

from penstock.registry.registry import Registry
from penstock.registry.tags import REFUSED_TAG

MLMODEL = """\
flavors:
  sklearn: {pickled_model: model.pkl, serialization_format: cloudpickle}
  python_function: {loader_module: mlflow.sklearn, model_path: model.pkl}
"""
DISK_BYTES = 1 << 20


class Held:
    """An object that is read once somebody writes into the pipe at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return open, (self._path,)


def is_read(pipe: Path) -> bool:
    """Whether somebody waits for what is written into a pipe. Lets them go on."""
    try:
        os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


def descendants(pid: int) -> set[int]:
    found: set[int] = set()
    for child in children(pid):
        found |= {child, *descendants(child)}
    return found


def test_a_server_that_is_told_to_end_while_a_model_is_converted_ends_and_leaves_nothing_behind(
    registry: Opened, made_packages: dict[str, Path], tmp_path: Path
) -> None:
    opened = registry()
    register(opened, made_packages["iris"])
    model, pipe = tmp_path / "model", tmp_path / "pipe"
    model.mkdir()
    os.mkfifo(pipe)
    (model / "MLmodel").write_text(MLMODEL)
    (model / "model.pkl").write_bytes(pickle.dumps([Held(pipe), Held(pipe)]))
    made = opened.client.create_model_version("iris", model.as_uri())
    with Following(tmp_path / "registry", "--registry-allow-code=true") as server:
        promote(opened, "iris", int(made.version))
        wait_until(partial(is_read, pipe), "the first object is read", patience_s=120)
        converting = descendants(server.process.pid)
        assert len(converting) >= 2
        assert server.versions("iris") == ("1",)
        server.drain()
        assert server.wait() == 0
        assert not any(map(is_running, converting))
    assert REFUSED_TAG not in tags_of(opened, "iris", int(made.version))


def test_a_version_that_a_server_refused_before_it_was_started_again_loses_the_reason(
    registry: Opened, made_packages: dict[str, Path], tmp_path: Path
) -> None:
    opened = registry()
    iris = made_packages["iris"]
    register(opened, iris)
    repository = tmp_path / "models"
    shutil.copytree(iris, repository / "iris" / "4")
    with Following(tmp_path / "registry", repositories=(repository,)):
        wait_until(partial(is_refused, opened, 1), "it is refused")
    with Following(tmp_path / "registry") as server:
        assert server.versions("iris") == ("1",)
        wait_until(lambda: not is_refused(opened, 1), "the reason is taken away")


def _mounts(*arguments: str) -> bool:
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    if not _mounts("-t", "tmpfs", "-o", f"size={DISK_BYTES}", "none", str(folder)):
        pytest.skip("a small disk can be mounted by root only")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def add_ballast(folder: Path) -> None:
    (folder / "card.md").write_bytes(os.urandom(DISK_BYTES))


def test_a_full_disk_refuses_the_version_that_does_not_fit_until_there_is_room(
    registry: Opened, made_packages: dict[str, Path], tmp_path: Path
) -> None:
    opened = registry()
    iris = made_packages["iris"]
    register(opened, iris)
    large = register(opened, another(iris, tmp_path / "large", change=add_ballast), "candidate")
    with small_disk(tmp_path / "disk") as disk, _following(opened, disk) as server:
        used = shutil.disk_usage(disk).used
        promote(opened, "iris", large)
        wait_until(partial(is_refused, opened, large), "it is refused")
        reason = tags_of(opened, "iris", large)[REFUSED_TAG]
        assert reason == (
            f"The files of version {large} of 'iris' cannot be fetched: the disk of the cache is "
            "full: make room there."
        )
        assert server.versions("iris") == ("1",)
        assert shutil.disk_usage(disk).used <= used + 4096
        assert _mounts("-o", f"remount,size={8 * DISK_BYTES}", str(disk))
        server.wait_for("iris", large)
        wait_until(lambda: not is_refused(opened, large), "the reason is taken away")


def _following(registry: Registry, disk: Path) -> Following:
    assert registry.place.file is not None
    return Following(registry.place.file.parent, f"--registry-cache={disk / 'cache'}")
