# SPDX-License-Identifier: Apache-2.0
"""Listings as values: which models they hold, and what of them is to be fetched."""

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import RepositoryError
from penstock.repository.override import PATH_PARTS_MAX
from penstock.repository.remote_listing import (
    FILES_MAX,
    Entry,
    FetchPlan,
    HeldFile,
    ModelListing,
    RemoteFile,
    fetch_plan,
    file_mark,
    folder_links,
    listed_models,
    path_below,
    settled,
)


def file(name: str, size: int | None = 1, **more: object) -> Entry:
    return {"name": name, "size": size, "type": "file", "ETag": "e", **more}


def folder(name: str) -> Entry:
    return {"name": name, "size": 0, "type": "directory"}


def listing(**files: tuple[int | None, str]) -> ModelListing:
    return ModelListing(
        files={
            path: RemoteFile(source=path, size=size, mark=mark)
            for path, (size, mark) in files.items()
        }
    )


# --- models ---


def test_a_listing_is_read_as_models_files_and_folders() -> None:
    found = listed_models(
        [
            file("b/r/README"),
            folder("b/r"),
            folder("b/r/.git"),
            file("b/r/.git/HEAD"),
            file("b/r/m/config.pbtxt", 7),
            file("b/r/m/1/model.onnx", 9, ETag="x"),
            file("b/r/n/2/", 0),
        ],
        "b/r",
    )
    assert set(found) == {"m", "n"}
    assert found["m"].files == {
        "config.pbtxt": RemoteFile(source="b/r/m/config.pbtxt", size=7, mark="ETag=e"),
        "1/model.onnx": RemoteFile(source="b/r/m/1/model.onnx", size=9, mark="ETag=x"),
    }
    assert found["m"].folders == {"1"}
    assert found["m"].size == 16
    # Object stores mark an empty folder by an object whose name ends in a slash.
    assert (found["n"].files, found["n"].folders) == ({}, frozenset({"2"}))


@pytest.mark.parametrize(
    "path",
    ["../../etc/passwd", "..", "a//b", "a/./b", "1/a\0b", "a\\b", "x" * 256, "\udcff",
     "/".join("a" * (PATH_PARTS_MAX + 1))],
)  # fmt: skip
def test_a_file_whose_path_leaves_its_model_refuses_that_model_alone(path: str) -> None:
    found = listed_models([file(f"r/bad/{path}"), file("r/bad/1/x"), file("r/good/1/x")], "r")
    assert "is not below its folder" in found["bad"].refusal
    assert found["bad"].files == {}
    assert not found["good"].refusal and list(found["good"].files) == ["1/x"]


@pytest.mark.parametrize("name", ["s/m/1/x", "rr/m/1/x", "r/../m/1/x", "r//m/x", "/etc/passwd"])
def test_a_listing_that_leaves_the_repository_is_refused(name: str) -> None:
    with pytest.raises(RepositoryError, match="is not below it"):
        listed_models([file("r/m/1/x"), file(name)], "r")


@pytest.mark.parametrize("name", ["..%2F..%2Fetc", "%2e%2e", "a%2Fb", "a%00b"])
def test_quoted_names_of_pages_are_looked_at_unquoted(name: str) -> None:
    with pytest.raises(RepositoryError, match="is not below it"):
        listed_models([file(f"http://h/r/{name}/x")], "http://h/r", is_web=True)
    found = listed_models([file(f"http://h/r/m/{name}")], "http://h/r", is_web=True)
    assert found["m"].refusal
    plain = listed_models([file("http://h/r/m/a%20b&amp;c")], "http://h/r", is_web=True)
    assert list(plain["m"].files) == ["a b&c"]


def test_a_name_that_is_a_file_and_a_folder_refuses_its_model() -> None:
    found = listed_models([file("r/m/1"), file("r/m/1/x")], "r")
    assert found["m"].refusal == "'1' is listed as a file and as a folder."


def test_a_listing_is_bounded() -> None:
    entries = (file(f"r/m/{number}") for number in range(FILES_MAX + 1))
    with pytest.raises(RepositoryError, match=f"more than {FILES_MAX} files"):
        listed_models(entries, "r")


@given(st.lists(st.text("./\\ab\0%2é", max_size=12), max_size=4), st.booleans())
def test_whatever_is_listed_stays_below_or_is_refused(names: list[str], is_web: bool) -> None:
    try:
        found = listed_models([file(f"r/{name}") for name in names], "r", is_web=is_web)
    except RepositoryError:
        return
    for model, one in found.items():
        for path in [*one.files, *one.folders]:
            parts = PurePosixPath(f"/cache/{model}/{path}").parts
            assert parts[:3] == ("/", "cache", model) and len(parts) > 3
            assert not {"..", "."} & set(parts) and "\0" not in path


@pytest.mark.parametrize("root", ["/models", "models", "/models/"])
def test_a_slash_before_the_first_part_makes_no_difference(root: str) -> None:
    assert path_below(root, "/models/m/1") == path_below(root, "models/m/1/") == ["m", "1"]
    assert path_below(root, "models") == []


def test_of_a_pages_links_those_into_the_folder_are_taken() -> None:
    page = "http://h/r"
    links = [
        "?C=N;O=D", "../", "./", "", "m/", "./n/", "a%20b", "x#top", "deep/er", "m/",
    ]  # fmt: skip
    entries = [{"name": f"{page}/{link}", "type": "file"} for link in links]
    entries.append({"name": "http://other/r/m", "type": "file"})
    names = [one["name"] for one in folder_links(entries, f"{page}/")]
    assert names == [f"{page}/m/", f"{page}/n/", f"{page}/a%20b"]


# --- what has changed ---


def test_only_what_differs_is_fetched() -> None:
    held = {
        "same": HeldFile(size=1, mark="a"),
        "other": HeldFile(size=1, mark="a"),
        "longer": HeldFile(size=1, mark="a"),
        "gone": HeldFile(size=1, mark="a"),
        "unsized": HeldFile(size=5, mark="a"),
        "unmarked": HeldFile(size=1, mark=""),
    }
    listed = listing(
        same=(1, "a"), other=(1, "b"), longer=(2, "a"), new=(1, "a"), unsized=(None, "a"),
        unmarked=(1, ""),
    )  # fmt: skip
    plan = fetch_plan(held, frozenset(), listed)
    assert plan == FetchPlan(
        fetch=("longer", "new", "other", "unmarked"), keep=("same", "unsized"), gone=("gone",)
    )
    assert not plan.is_nothing


def test_what_is_equal_needs_nothing() -> None:
    held = {"a": HeldFile(size=1, mark="x")}
    assert fetch_plan(held, frozenset(), listing(a=(1, "x"))).is_nothing
    assert not fetch_plan(held, frozenset({"1"}), listing(a=(1, "x"))).is_nothing
    assert not fetch_plan({**held, "b": held["a"]}, frozenset(), listing(a=(1, "x"))).is_nothing


def test_content_marks_a_file_before_its_time_does() -> None:
    assert file_mark({"ETag": '"1"', "LastModified": "now"}) == 'ETag="1"'
    assert file_mark({"mtime": 1.5, "ino": 2}) == "mtime=1.5 ino=2"
    assert file_mark({"etag": None, "size": 1}) == ""


def test_a_time_of_a_whole_second_marks_a_file_once_that_second_is_over() -> None:
    time = "Thu, 01 Jan 1970 00:01:00 GMT"
    listed = listing(a=(1, f"Last-Modified={time}"), b=(1, "ETag=x"), c=(1, "Last-Modified=?"))
    young, old = settled(listed, 61.0), settled(listed, 66.0)
    assert [file.mark for file in young.files.values()] == ["", "ETag=x", ""]
    assert [file.mark for file in old.files.values()] == [f"Last-Modified={time}", "ETag=x", ""]
