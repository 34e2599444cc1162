# SPDX-License-Identifier: Apache-2.0
"""The folder that stands for a remote repository."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from penstock.errors import RepositoryError
from penstock.repository.remote_cache import CacheFolder
from penstock.repository.remote_listing import ModelListing, RemoteFile, fetch_plan

Contents = dict[str, bytes]


def one_after_another(works: list[Callable[[], None]]) -> None:
    for work in works:
        work()


class Remote:
    """Files of one model; `fetched` are those that were asked for."""

    def __init__(self, contents: Contents, folders: frozenset[str] = frozenset()) -> None:
        self.contents = contents
        above = {path.rpartition("/")[0] for path in contents} - {""}
        self.folders = folders | above
        self.fetched: list[str] = []

    @property
    def listing(self) -> ModelListing:
        return ModelListing(
            files={
                path: RemoteFile(source=path, size=len(content), mark=f"v{content!r}")
                for path, content in self.contents.items()
            },
            folders=self.folders,
        )

    def fetch(self, file: RemoteFile, target: Path, bytes_max: int) -> None:
        self.fetched.append(file.source)
        target.write_bytes(self.contents[file.source])


def put(cache: CacheFolder, remote: Remote, model: str = "m") -> bool:
    """Makes the cache equal to `remote`; whether there was anything to do."""
    held, listed = cache.held(model), remote.listing
    plan = fetch_plan(held.files, held.folders, listed)
    if plan.is_nothing and held.root is not None:
        return False
    staged = cache.stage(
        model,
        listed,
        plan,
        fetch=remote.fetch,
        together=one_after_another,
        bytes_max=1000,
    )
    cache.swap(staged)
    return True


def contents(cache: CacheFolder, model: str = "m") -> Contents:
    top = cache.models / model
    return {
        str(path.relative_to(top)): path.read_bytes()
        for path in sorted(top.rglob("*"))
        if path.is_file()
    }


def states(cache: CacheFolder) -> int:
    """How many states of models lie in the cache's folder."""
    return len(list((cache.models.parent / ".held").iterdir()))


FIRST = {"config.pbtxt": b"c", "1/model.onnx": b"one", "2/model.onnx": b"two"}


def test_a_model_becomes_what_is_listed(tmp_path: Path) -> None:
    cache = CacheFolder(tmp_path / "c", "models")
    assert put(cache, Remote(FIRST, frozenset({"3"})))
    assert contents(cache) == FIRST
    assert (cache.models / "m" / "3").is_dir()
    assert cache.names == ["m"]
    assert cache.held("m").size == 7
    cache.close()


def test_only_what_changed_is_fetched_and_the_rest_stays_the_same_file(tmp_path: Path) -> None:
    cache = CacheFolder(tmp_path / "c", "models")
    put(cache, Remote(FIRST))
    before = os.stat(cache.models / "m" / "1" / "model.onnx")
    second = Remote({"1/model.onnx": b"one", "2/model.onnx": b"TWO", "new": b""})
    assert put(cache, second)
    assert second.fetched == ["2/model.onnx", "new"]
    assert contents(cache) == second.contents
    after = os.stat(cache.models / "m" / "1" / "model.onnx")
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert not put(cache, second)
    assert states(cache) == 1
    cache.close()


def test_a_file_that_was_written_again_as_it_was_stays_the_same_file(tmp_path: Path) -> None:
    class Restless(Remote):
        @property
        def listing(self) -> ModelListing:
            files = {path: RemoteFile(source=path, size=3, mark="") for path in self.contents}
            return ModelListing(files=files, folders=self.folders)

    cache = CacheFolder(tmp_path / "c", "models")
    remote = Restless({"1/model.onnx": b"one"})
    put(cache, remote)
    before = os.stat(cache.models / "m" / "1" / "model.onnx").st_ino
    assert put(cache, remote)
    assert os.stat(cache.models / "m" / "1" / "model.onnx").st_ino == before
    cache.close()


def test_who_reads_a_model_that_is_replaced_reads_the_old_one_to_its_end(tmp_path: Path) -> None:
    cache = CacheFolder(tmp_path / "c", "models")
    put(cache, Remote(FIRST))
    with (cache.models / "m" / "1" / "model.onnx").open("rb") as reader:
        put(cache, Remote({"1/model.onnx": b"other"}))
        assert reader.read() == b"one"
    assert contents(cache) == {"1/model.onnx": b"other"}
    cache.close()


def test_a_fetch_that_fails_leaves_everything_as_it_was(tmp_path: Path) -> None:
    class Broken(Remote):
        def fetch(self, file: RemoteFile, target: Path, bytes_max: int) -> None:
            target.write_bytes(b"half")
            raise RepositoryError("it broke")

    cache = CacheFolder(tmp_path / "c", "models")
    put(cache, Remote(FIRST))
    with pytest.raises(RepositoryError, match="it broke"):
        put(cache, Broken({"1/model.onnx": b"other"}))
    with pytest.raises(RepositoryError, match="it broke"):
        put(cache, Broken({"1/model.onnx": b"other"}), "new")
    assert contents(cache) == FIRST
    assert (cache.names, states(cache)) == (["m"], 1)
    cache.close()


def test_a_model_is_removed_with_its_files(tmp_path: Path) -> None:
    cache = CacheFolder(tmp_path / "c", "models")
    put(cache, Remote(FIRST))
    cache.remove("m")
    cache.remove("never heard of")
    assert (cache.names, list(cache.models.iterdir()), states(cache)) == ([], [], 0)
    cache.close()


# --- from one server to the next ---


def test_the_next_server_finds_what_was_fetched(tmp_path: Path) -> None:
    remote = Remote(FIRST, frozenset({"3"}))
    cache = CacheFolder(tmp_path / "c", "models")
    put(cache, remote)
    cache.close()
    again = CacheFolder(tmp_path / "c", "models")
    assert not put(again, remote)
    assert contents(again) == FIRST
    again.close()


def test_a_file_that_was_cut_meanwhile_is_fetched_again(tmp_path: Path) -> None:
    remote = Remote(FIRST)
    cache = CacheFolder(tmp_path / "c", "models")
    put(cache, remote)
    (cache.models / "m" / "1" / "model.onnx").write_bytes(b"")
    (cache.models / "m" / "config.pbtxt").unlink()
    cache.close()
    remote.fetched.clear()
    again = CacheFolder(tmp_path / "c", "models")
    assert put(again, remote)
    assert remote.fetched == ["1/model.onnx", "config.pbtxt"]
    assert contents(again) == FIRST
    again.close()


def test_what_a_crash_left_behind_is_removed(tmp_path: Path) -> None:
    cache = CacheFolder(tmp_path / "c", "models")
    put(cache, Remote(FIRST))
    put(cache, Remote(FIRST), "torn")
    put(cache, Remote(FIRST), "unreadable")
    held = cache.models.parent / ".held"
    (held / "half" / "files").mkdir(parents=True)
    (held / "half.link").symlink_to("nowhere")
    (cache.models / "stranger").mkdir()
    (cache.models / "elsewhere").symlink_to(tmp_path)
    torn, unreadable = cache.held("torn").root, cache.held("unreadable").root
    assert torn is not None and unreadable is not None
    (torn / "marks.json").write_text('{"format": 1, "files"')
    (unreadable / "marks.json").write_text('{"format": 1, "folders": [], "files": {"../x": [1]}}')
    cache.close()
    again = CacheFolder(tmp_path / "c", "models")
    assert again.names == ["m"]
    assert [path.name for path in again.models.iterdir()] == ["m"]
    assert states(again) == 1
    assert tmp_path.is_dir()
    again.close()


def test_two_servers_do_not_share_a_cache(tmp_path: Path) -> None:
    cache = CacheFolder(tmp_path / "c", "models")
    with pytest.raises(RepositoryError, match="is in use already"):
        CacheFolder(tmp_path / "c", "models")
    cache.close()
    CacheFolder(tmp_path / "c", "models").close()


def test_a_cache_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RepositoryError, match="cannot be used: Not a directory"):
        CacheFolder(tmp_path / "file" / "c", "models")


def test_the_cache_is_for_the_servers_user_alone(tmp_path: Path) -> None:
    cache = CacheFolder(tmp_path / "c", "models")
    put(cache, Remote(FIRST))
    root = cache.held("m").root
    assert root is not None
    assert (tmp_path / "c").stat().st_mode & 0o077 == 0
    assert root.stat().st_mode & 0o077 == 0
    cache.close()
