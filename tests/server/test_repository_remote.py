# SPDX-License-Identifier: Apache-2.0
"""Repositories behind a URL."""

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import fsspec
import pytest
from tests.doubles.house import LATER, House, tell
from tests.doubles.model_files import add_identity

from penstock.errors import RepositoryError
from penstock.repository.layout import survey
from penstock.repository.remote import (
    MANIFEST,
    RemoteRepository,
    is_remote,
    mirror_changes,
    relative_path,
    shown_url,
    target_of,
)

X = [("x", "TYPE_FP32", [1])]


class Served(SimpleHTTPRequestHandler):
    """Serves a folder, and notes what is fetched."""

    fetched: list[str]

    def do_GET(self) -> None:
        type(self).fetched.append(self.path)
        super().do_GET()

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[str, Path, type[Served]]]:
    """A folder behind HTTP: its URL, itself, and what was asked for."""
    folder = tmp_path / "web"
    folder.mkdir()
    handler = type("Handler", (Served,), {"fetched": []})
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(handler, directory=str(folder))
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", folder, handler
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def memory() -> Iterator[Any]:
    """fsspec's file system in memory, empty."""
    files = fsspec.filesystem("memory")
    files.store.clear()
    files.pseudo_dirs[:] = [""]
    yield files
    files.store.clear()


@pytest.mark.parametrize(
    ("repository", "is_one"),
    [
        ("s3://bucket/models", True),
        ("as://account/container", True),
        ("/models", False),
        ("models", False),
        ("a:/b", False),
    ],
)
def test_a_url_is_no_folder(repository: str, is_one: bool) -> None:
    assert is_remote(repository) == is_one


@pytest.mark.parametrize(
    ("repository", "url", "options"),
    [
        ("s3://bucket/a/b", "s3://bucket/a/b", {}),
        ("s3://host:9000/bucket/a", "s3://bucket/a", {"endpoint_url": "http://host:9000"}),
        ("s3://https://host:9000/bucket", "s3://bucket", {"endpoint_url": "https://host:9000"}),
        ("as://me/container/a", "abfs://container/a", {"account_name": "me"}),
        ("gs://bucket/a", "gs://bucket/a", {}),
    ],
)
def test_tritons_addresses_are_understood(
    repository: str, url: str, options: dict[str, str]
) -> None:
    target = target_of(repository)
    assert (target.url, target.options) == (url, options)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("bucket/m/1/model.onnx", "m/1/model.onnx"),
        ("bucket/../../etc/passwd", None),
        ("bucket/m/../x", None),
        ("bucket//etc/passwd", None),
        ("bucket/m\\..\\x", None),
        ("buckets/m", None),
        ("/etc/passwd", None),
        ("bucket/", None),
    ],
)
def test_a_listing_that_leads_elsewhere_is_not_followed(name: str, path: str | None) -> None:
    assert relative_path("bucket", name) == path


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://me:word@host:80/a/b?sig=word", "http://host:80/a/b"),
        ("s3://https://me:word@host/bucket", "s3://https://host/bucket"),
        ("https://host/a?token=word", "https://host/a"),
        ("s3://bucket/a@b", "s3://bucket/a@b"),
        ("/a/folder?with@signs", "/a/folder?with@signs"),
    ],
)
def test_what_may_be_a_secret_in_a_url_is_not_shown(url: str, shown: str) -> None:
    assert shown_url(url) == shown


def test_a_client_is_told_no_secret_of_a_repository(tmp_path: Path) -> None:
    house = House(tmp_path, model_repository=["http://me:word@127.0.0.1:1/models?sig=word"])

    async def story(house: House) -> None:
        assert "word" not in str(await house.failure("m"))
        assert "word" not in str(await house.failure("m", repository="another"))

    tell(house, story)


def test_only_what_has_changed_is_fetched() -> None:
    found = {"same": "1", "changed": "2", "new": "1", "unsure": ""}
    held = {"same": "1", "changed": "1", "gone": "1", "unsure": ""}
    assert mirror_changes(found, held) == (["changed", "new", "unsure"], ["gone"])


def test_a_folder_follows_its_repository(tmp_path: Path, memory: Any) -> None:
    memory.pipe_file("/models/m/1/model.onnx", b"one")
    memory.pipe_file("/models/m/config.pbtxt", b"")
    remote = RemoteRepository("memory://models", tmp_path)
    remote.refresh()
    assert survey([remote.folder]).models["m"].versions == (1,)
    kept = (remote.folder / "m/config.pbtxt").stat()
    memory.rm("/models/m/1", recursive=True)
    memory.pipe_file("/models/m/2/model.onnx", b"two")
    remote.refresh()
    assert survey([remote.folder]).models["m"].versions == (2,)
    assert (remote.folder / "m/2/model.onnx").read_bytes() == b"two"
    assert (remote.folder / "m/config.pbtxt").stat().st_ino == kept.st_ino


def test_a_cache_outlives_its_server_and_survives_damage(tmp_path: Path, memory: Any) -> None:
    memory.pipe_file("/models/m/1/model.onnx", b"one")
    first = RemoteRepository("memory://models", tmp_path)
    first.refresh()
    file = first.folder / "m/1/model.onnx"
    before = file.stat().st_ino
    RemoteRepository("memory://models", tmp_path).refresh()
    assert file.stat().st_ino == before
    for damage in (b"not json", b"[]", b'{"../../x": "1"}'):
        (first.folder / MANIFEST).write_bytes(damage)
        RemoteRepository("memory://models", tmp_path).refresh()
        assert file.read_bytes() == b"one"


def test_files_come_over_http_once(tmp_path: Path, web: tuple[str, Path, type[Served]]) -> None:
    url, folder, handler = web
    add_identity(folder, "m", X, 4)
    (folder / "m" / "1" / "weights").write_bytes(b"w" * 1000)
    remote = RemoteRepository(url, tmp_path / "cache")
    remote.refresh()
    assert (remote.folder / "m/1/weights").read_bytes() == b"w" * 1000
    assert "/m/1/weights" in handler.fetched
    handler.fetched.clear()
    remote.refresh()
    assert "/m/1/weights" not in handler.fetched


def test_a_repository_that_is_not_there_is_a_sentence(tmp_path: Path, memory: Any) -> None:
    with pytest.raises(RepositoryError, match="There is no model repository memory://nowhere"):
        RemoteRepository("memory://nowhere", tmp_path).refresh()
    with pytest.raises(RepositoryError, match=r"http://127.0.0.1:1/m cannot be read|no model repo"):
        RemoteRepository("http://127.0.0.1:1/m", tmp_path).refresh()


def test_a_package_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match=r"pip install fsspec 'adlfs'\."):
        RemoteRepository("as://account/container", tmp_path).refresh()


def test_a_polled_url_is_served_and_followed(tmp_path: Path, memory: Any) -> None:
    add_identity(tmp_path, "m", X, 4)
    config = (tmp_path / "m" / "config.pbtxt").read_bytes()
    memory.pipe_file("/models/m/config.pbtxt", config)
    memory.pipe_file("/models/m/1/weights", b"1")

    async def story(house: House) -> None:
        await house.controller.start()
        assert house.engine.serving == {("m", 1)}
        memory.pipe_file("/models/m/2/weights", b"2")
        changes = await house.controller.poll(LATER)
        assert changes.load == ("m",)
        await house.controller.idle()
        assert house.engine.serving == {("m", 2)}
        assert [one.name for one in await house.controller.index(repository="models")] == ["m", "m"]

    tell(House(tmp_path, mode="poll", model_repository=["memory://models"]), story)
