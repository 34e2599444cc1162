# SPDX-License-Identifier: Apache-2.0
"""Which versions of a registry are tried, and what is kept of them."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from penstock.errors import RegistryError
from penstock.registry.entries import ModelAlias
from penstock.registry.following import RETRY_SECONDS, RETRY_SECONDS_MAX, next_try, versions_to_try
from penstock.registry.kept import KeptVersions
from penstock.repository.layout import survey

ONE, TWO = (ModelAlias(version=number, made_ms=7) for number in (1, 2))


def test_what_is_wanted_and_not_serving_is_tried() -> None:
    wanted = {"a": TWO, "b": ONE, "c": ONE}
    serving = {"a": ONE, "b": ONE}
    assert versions_to_try(wanted, serving, {}, now=0) == {"a": TWO, "c": ONE}


def test_a_model_that_was_made_anew_is_tried_though_its_number_is_the_same() -> None:
    anew = ModelAlias(version=1, made_ms=8)
    assert versions_to_try({"a": anew}, {"a": ONE}, {}, now=0) == {"a": anew}


def test_a_refused_version_waits_and_another_one_does_not() -> None:
    refusal = next_try(None, TWO, "why", now=100)
    assert versions_to_try({"a": TWO}, {}, {"a": refusal}, now=100 + RETRY_SECONDS / 2) == {}
    assert versions_to_try({"a": TWO}, {}, {"a": refusal}, now=100 + RETRY_SECONDS) == {"a": TWO}
    assert versions_to_try({"a": ONE}, {}, {"a": refusal}, now=100) == {"a": ONE}


def test_each_wait_is_twice_the_one_before_up_to_a_bound() -> None:
    waits = []
    refusal = None
    for _ in range(40):
        refusal = next_try(refusal, TWO, "why", now=0)
        waits.append(refusal.again_at)
    assert waits[:3] == [RETRY_SECONDS, 2 * RETRY_SECONDS, 4 * RETRY_SECONDS]
    assert waits[-1] == RETRY_SECONDS_MAX
    assert next_try(refusal, ONE, "why", now=0).again_at == RETRY_SECONDS


Open = Callable[[str], KeptVersions]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """Opens what is kept of a registry, by its URI."""
    with ExitStack() as stack:
        yield lambda uri: stack.enter_context(closing(KeptVersions(tmp_path, uri)))


def fetched(kept: KeptVersions, text: str = "x") -> Path:
    folder = kept.begin()
    (folder / "model.onnx").write_text(text)
    return folder


def keep(kept: KeptVersions, version: ModelAlias, text: str = "x") -> None:
    kept.keep("churn", version, fetched(kept, text))
    kept.link("churn", version)


def text_of(kept: KeptVersions, number: int) -> str:
    return (kept.models / "churn" / str(number) / "model.onnx").read_text()


def test_what_is_kept_is_a_model_repository_that_serves_all_its_versions(opened: Open) -> None:
    kept = opened("uri")
    keep(kept, ONE, "one")
    keep(kept, TWO, "two")
    model = survey([kept.models]).models["churn"]
    assert model.versions == (1, 2)
    assert "all" in (model.folder / "config.pbtxt").read_text()
    assert text_of(kept, 2) == "two"


def test_a_version_that_is_unlinked_keeps_its_files_until_it_is_tidied(opened: Open) -> None:
    kept = opened("uri")
    keep(kept, ONE)
    keep(kept, TWO)
    kept.unlink("churn", 1)
    assert kept.versions("churn") == {2: TWO}
    assert (kept.folder("churn", ONE) / "model.onnx").exists()
    kept.tidy("churn")
    assert not kept.folder("churn", ONE).exists()
    assert text_of(kept, 2) == "x"


def test_the_same_number_of_a_model_made_anew_takes_the_old_ones_place_and_back(
    opened: Open,
) -> None:
    anew = ModelAlias(version=1, made_ms=8)
    kept = opened("uri")
    keep(kept, ONE, "old")
    keep(kept, anew, "new")
    assert (kept.versions("churn"), text_of(kept, 1)) == ({1: anew}, "new")
    kept.link("churn", ONE)
    assert (kept.versions("churn"), text_of(kept, 1)) == ({1: ONE}, "old")


def test_the_next_server_finds_what_was_kept_and_removes_what_a_crash_has_left(
    opened: Open,
) -> None:
    kept = opened("uri")
    keep(kept, ONE)
    fetched(kept)
    kept.keep("churn", TWO, fetched(kept))  # never linked
    kept.close()
    again = opened("uri")
    assert again.names == ["churn"]
    assert again.versions("churn") == {1: ONE}
    assert not again.folder("churn", TWO).exists()
    assert again.size == 1 + len((again.models / "churn" / "config.pbtxt").read_bytes())


def test_a_cache_that_somebody_removes_is_made_anew(opened: Open, tmp_path: Path) -> None:
    kept = opened("uri")
    keep(kept, ONE)
    shutil.rmtree(tmp_path / kept.models.parent.name)
    assert kept.names == []
    keep(kept, TWO)
    assert kept.versions("churn") == {2: TWO}


def test_sizes_are_told_while_files_come_and_go(opened: Open) -> None:
    kept = opened("uri")
    keep(kept, ONE)
    least = kept.size
    ends = threading.Event()

    def come_and_go() -> None:
        while not ends.is_set():
            folder = kept.begin()
            for i in range(20):
                (folder / f"{i}").mkdir()
                (folder / f"{i}" / "part").write_text("x")
            kept.drop(folder)

    thread = threading.Thread(target=come_and_go)
    thread.start()
    try:
        assert all(kept.size >= least for _ in range(200))
    finally:
        ends.set()
        thread.join()


def test_a_cache_is_one_servers_and_one_registrys(opened: Open) -> None:
    kept = opened("uri")
    keep(kept, ONE)
    with pytest.raises(RegistryError, match="in use already"):
        opened("uri")
    assert opened("another").names == []


@pytest.mark.parametrize("name", ["..", "a/b", "", ".", "a\0b"])
def test_a_models_name_leads_nowhere_else(opened: Open, tmp_path: Path, name: str) -> None:
    kept = opened("uri")
    with pytest.raises(RegistryError, match="name"):
        kept.keep(name, ONE, fetched(kept))
    assert sorted(one.name for one in tmp_path.iterdir()) == [kept.models.parent.name]
