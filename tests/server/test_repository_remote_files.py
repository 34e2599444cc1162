# SPDX-License-Identifier: Apache-2.0
"""Remote repositories through fsspec: of its memory, of this machine, and of a real web server."""

import importlib.util
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from uuid import uuid4

import fsspec
import pytest
from tests.doubles.file_server import FileServer

from penstock.errors import PenstockError, RemoteRepositoryError, RepositoryError
from penstock.repository.remote_files import RemoteFiles, is_transient
from penstock.repository.remote_urls import read_url

FILES = {"m/config.pbtxt": b"c", "m/1/a b.onnx": b"one", "n/1/deep/er/x": b"", "README": b"r"}
KINDS = ["memory", "file", "http"]


@contextmanager
def opened(url: str, *, ends: threading.Event | None = None) -> Iterator[RemoteFiles]:
    files = RemoteFiles(read_url(url), ends or threading.Event(), delays_s=(0, 0))
    yield files
    files.shut()


@contextmanager
def repository(kind: str, folder: Path) -> Iterator[str]:
    """The URL of a repository of this kind that holds FILES and an empty folder `e/1`."""
    for path, content in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    (folder / "e" / "1").mkdir(parents=True)
    if kind == "file":
        yield f"file://{folder}"
    elif kind == "memory":
        memory, place = fsspec.filesystem("memory"), f"/{uuid4().hex}"
        for path, content in FILES.items():
            memory.pipe(f"{place}/{path}", content)
        memory.makedirs(f"{place}/e/1")
        yield f"memory:/{place}"
        memory.rm(place, recursive=True)
    else:
        with FileServer(folder) as server:
            yield server.url


@pytest.mark.parametrize("kind", KINDS)
def test_models_are_listed_whole_and_one_by_one(kind: str, tmp_path: Path) -> None:
    with repository(kind, tmp_path) as url, opened(url) as remote:
        found = remote.models()
        assert set(found) == {"m", "n", "e"}
        assert set(found["m"].files) == {"config.pbtxt", "1/a b.onnx"}
        assert found["m"].files["1/a b.onnx"].size == 3
        assert all(file.mark for file in found["m"].files.values())
        assert found["n"].folders == {"1", "1/deep", "1/deep/er"}
        assert found["e"].folders == {"1"} and not found["e"].files
        assert remote.names() == ["e", "m", "n"]
        for name, listed in found.items():
            assert remote.model(name) == listed
        assert remote.model("absent") is None


@pytest.mark.parametrize("kind", KINDS)
def test_files_are_fetched_as_they_are(kind: str, tmp_path: Path) -> None:
    with repository(kind, tmp_path / "there") as url, opened(url) as remote:
        for model, listed in remote.models().items():
            for path, file in listed.files.items():
                target = tmp_path / uuid4().hex
                remote.fetch(file, target, bytes_max=100)
                assert target.read_bytes() == FILES[f"{model}/{path}"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_is_seen_at_the_next_look(kind: str, tmp_path: Path) -> None:
    with repository(kind, tmp_path) as url, opened(url) as remote:
        before = remote.models()
        if kind == "memory":
            fsspec.filesystem("memory").pipe(f"{url.removeprefix('memory:/')}/m/config.pbtxt", b"d")
        else:
            (tmp_path / "m" / "config.pbtxt").write_bytes(b"d")
            os.utime(tmp_path / "m" / "config.pbtxt", (10**9, 10**9))
        after = remote.models()
        assert after["m"] != before["m"]
        assert after["n"] == before["n"]


@pytest.mark.parametrize("url", ["memory://absent/models", "file:///absent/models"])
def test_a_repository_that_is_not_there_is_said_to_be_so(url: str) -> None:
    with opened(url) as remote:
        for look in (remote.names, remote.models):
            with pytest.raises(
                RemoteRepositoryError, match=f"There is no model repository {url}"
            ) as caught:
                look()
            assert caught.value.code == "UNAVAILABLE"


def test_a_link_to_a_file_is_the_file_and_one_to_a_folder_is_not_followed(tmp_path: Path) -> None:
    with repository("file", tmp_path) as url, opened(url) as remote:
        (tmp_path / "m" / "1" / "linked").symlink_to(tmp_path / "m" / "1" / "a b.onnx")
        (tmp_path / "m" / "1" / "loop").symlink_to(tmp_path / "m")
        os.mkfifo(tmp_path / "m" / "pipe")
        listed = remote.models()["m"]
        assert set(listed.files) == {"config.pbtxt", "1/a b.onnx", "1/linked"}
        target = tmp_path / "target"
        remote.fetch(listed.files["1/linked"], target, bytes_max=100)
        assert target.read_bytes() == b"one" and not target.is_symlink()


def test_a_file_has_no_more_bytes_than_were_listed(tmp_path: Path) -> None:
    with repository("http", tmp_path / "there") as url, opened(url) as remote:
        listed = remote.models()["m"].files["config.pbtxt"]
        (tmp_path / "there" / "m" / "config.pbtxt").write_bytes(b"x" * 99)
        with pytest.raises(RemoteRepositoryError, match="has more than the 1 bytes it may have"):
            remote.fetch(listed, tmp_path / "target", bytes_max=100)
        (tmp_path / "there" / "m" / "config.pbtxt").write_bytes(b"")
        with pytest.raises(RemoteRepositoryError, match="has 0 bytes, which is not what was"):
            remote.fetch(listed, tmp_path / "target", bytes_max=100)


def test_a_file_of_unknown_size_is_bounded_by_the_room_there_is(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "x").write_bytes(b"")
    with FileServer(tmp_path) as server, opened(server.url) as remote:
        server.instead["/m/x"] = b"y" * 50
        listed = remote.models()["m"].files["x"]
        assert (listed.size, listed.mark) == (None, "")
        remote.fetch(listed, tmp_path / "target", bytes_max=50)
        assert (tmp_path / "target").stat().st_size == 50
        with pytest.raises(RemoteRepositoryError, match="more than the 49 bytes"):
            remote.fetch(listed, tmp_path / "other", bytes_max=49)


# --- failures ---


def test_a_server_that_fails_for_a_moment_is_asked_again(tmp_path: Path) -> None:
    with repository("http", tmp_path) as url, FileServer(tmp_path) as server:
        del url
        busy = HTTPStatus.SERVICE_UNAVAILABLE
        server.refusals = {
            "/m/": [busy, HTTPStatus.TOO_MANY_REQUESTS],
            "/m/config.pbtxt": [busy, busy, busy],
        }
        with opened(server.url) as remote:
            listed = remote.models()["m"]
            server.refusals["/m/config.pbtxt"] = [busy, busy]
            remote.fetch(listed.files["config.pbtxt"], tmp_path / "target", bytes_max=9)
            assert (tmp_path / "target").read_bytes() == b"c"
            assert server.asked_for("/m/") == 3


@pytest.mark.parametrize("status", [HTTPStatus.FORBIDDEN, HTTPStatus.INTERNAL_SERVER_ERROR])
def test_a_server_that_goes_on_failing_is_told_by_its_own_words(
    tmp_path: Path, status: HTTPStatus
) -> None:
    with repository("http", tmp_path) as url, FileServer(tmp_path) as server:
        del url
        server.refusals = {"/m/": [status] * 9}
        with opened(server.url) as remote:
            with pytest.raises(RemoteRepositoryError) as caught:
                remote.models()
            assert str(caught.value).startswith(
                f"The model repository {server.url} cannot be read: {status.value}, "
            )
            with pytest.raises(RemoteRepositoryError):  # and is not taken for a model that is gone
                remote.model("m")
            # What will fail again is not tried again.
            assert server.asked_for("/m/") == (2 if status < 500 else 6)


def test_a_file_that_cannot_be_looked_at_is_not_taken_for_one_that_is_gone(tmp_path: Path) -> None:
    with repository("http", tmp_path) as url, FileServer(tmp_path) as server:
        del url
        server.refusals = {"/m/config.pbtxt": [HTTPStatus.BAD_GATEWAY] * 99}
        with opened(server.url) as remote:
            for look in (remote.models, lambda: remote.model("m")):
                with pytest.raises(RemoteRepositoryError, match="502, "):
                    look()


def test_a_page_without_folders_is_no_repository(tmp_path: Path) -> None:
    with FileServer(tmp_path) as server, opened(server.url) as remote:
        server.instead["/"] = server.instead[""] = b"<html>Welcome</html>"
        with pytest.raises(RemoteRepositoryError, match="it lists no folder: wanted a server that"):
            remote.models()


def test_a_server_that_is_away_is_one_sentence() -> None:
    with FileServer(Path("/")) as server:
        url = server.url
    with opened(url) as remote, pytest.raises(RemoteRepositoryError, match="cannot be read: "):
        remote.models()


def test_credentials_of_a_url_are_used_and_not_told(tmp_path: Path) -> None:
    with repository("http", tmp_path) as plain:
        del plain
        with FileServer(tmp_path, login="me:s3cr%t") as server:
            right = server.url.replace("://", "://me:s3cr%25t@")
            with opened(right) as remote:
                assert set(remote.models()) == {"m", "n", "e"}
            wrong = server.url.replace("://", "://me:hunter2@")
            with opened(wrong) as remote, pytest.raises(RemoteRepositoryError) as caught:
                remote.models()
            assert f"{server.url} cannot be read: 401" in str(caught.value)
            assert "hunter2" not in str(caught.value)


def test_the_servers_end_ends_a_fetch(tmp_path: Path) -> None:
    ends = threading.Event()
    with repository("http", tmp_path) as url, opened(url, ends=ends) as remote:
        listed = remote.models()["m"]
        ends.set()
        with pytest.raises(RemoteRepositoryError, match="the server stops"):
            remote.fetch(listed.files["config.pbtxt"], tmp_path / "target", bytes_max=9)


def test_what_may_pass_is_told_from_what_lasts() -> None:
    class StatusError(Exception):
        def __init__(self, status: int) -> None:
            self.status = status

    assert all(map(is_transient, [ConnectionResetError(), TimeoutError(), OSError()]))
    assert all(map(is_transient, [StatusError(code) for code in (408, 429, 500, 503)]))
    assert not any(map(is_transient, [StatusError(code) for code in (400, 401, 403, 404)]))
    lasting = [FileNotFoundError(), PermissionError(), ValueError(), RepositoryError("x")]
    assert not any(map(is_transient, lasting))


# --- packages ---


def test_an_unknown_protocol_is_refused() -> None:
    with pytest.raises(RepositoryError, match="nosuch://a/b cannot be opened: Protocol not known"):
        RemoteFiles(read_url("nosuch://a/b"), threading.Event())


@pytest.mark.skipif(importlib.util.find_spec("gcsfs") is not None, reason="gcsfs is installed")
def test_a_package_that_is_missing_is_named_with_the_command_that_brings_it() -> None:
    with pytest.raises(PenstockError) as caught:
        RemoteFiles(read_url("gs://bucket/models"), threading.Event())
    assert str(caught.value) == (
        "The model repository gs://bucket/models requires the package gcsfs: "
        "pip install 'penstock[remote]'."
    )


WITHOUT_FSSPEC = """
import sys, threading
sys.modules["fsspec"] = None
from penstock.repository.remote_files import RemoteFiles
from penstock.repository.remote_urls import read_url
try:
    RemoteFiles(read_url("memory://models"), threading.Event())
except Exception as error:
    print(error)
"""


def test_without_fsspec_all_but_remote_repositories_works() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_FSSPEC], capture_output=True, text=True, check=True
    )
    assert "requires the package fsspec: pip install 'penstock[remote]'." in done.stdout
