# SPDX-License-Identifier: Apache-2.0
"""The manifest of a package: what it takes, what it refuses, and what its digest is of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import PackageError
from penstock.package import MANIFEST_FILE, SIGNING_FILE, read_manifest, write_manifest
from penstock.package.manifest import manifest_from

SHA = "0" * 64


def told(**changes: Any) -> dict[str, Any]:
    return {"format": 1, "name": "m", "files": {"a": {"bytes": 1, "sha256": SHA}}, **changes}


def test_it_lists_every_file_below_but_itself_and_its_signature(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures/a.png").write_bytes(b"abc")
    (tmp_path / "model.onnx").write_bytes(b"")
    (tmp_path / SIGNING_FILE).write_text("of an earlier manifest")
    written = write_manifest(tmp_path, "m")
    assert read_manifest(tmp_path) == written
    assert sorted(written.files) == ["model.onnx", "pictures/a.png"]
    assert written.files["pictures/a.png"].bytes == 3
    assert written.files["pictures/a.png"].sha256.startswith("ba7816bf")
    assert not (tmp_path / SIGNING_FILE).exists()


def test_the_digest_is_of_all_but_what_was_timed(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"one")
    first = write_manifest(tmp_path, "m").digest
    (tmp_path / "timings.json").write_text("{}")
    assert write_manifest(tmp_path, "m").digest == first
    assert write_manifest(tmp_path, "other").digest != first
    (tmp_path / "model.onnx").write_bytes(b"two")
    assert write_manifest(tmp_path, "m").digest != first


def test_a_link_is_in_no_package(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").symlink_to("/etc/passwd")
    with pytest.raises(PackageError, match=r"model\.onnx is no plain file"):
        write_manifest(tmp_path, "m")


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "../a", "a/../../b", "", ".", "a//b", "a/", "a\\b", "a\nb", MANIFEST_FILE],
)
def test_a_path_that_may_lead_outside_is_refused(path: str, tmp_path: Path) -> None:
    content = json.dumps(told(files={path: {"bytes": 1, "sha256": SHA}})).encode()
    with pytest.raises(PackageError, match="is no file of a package"):
        manifest_from(content, tmp_path)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"format": 2}, "is of format 2: this version of Penstock reads format 1"),
        ({"name": "a/b"}, "name"),
        ({"name": ""}, "name"),
        ({"more": 1}, "more"),
        ({"files": {"a": {"bytes": -1, "sha256": SHA}}}, "files.a.bytes"),
        ({"files": {"a": {"bytes": 1, "sha256": "xyz"}}}, "files.a.sha256"),
        ({"files": 3}, "files"),
    ],
)
def test_what_is_no_manifest_is_refused_by_name(
    changes: dict[str, Any], found: str, tmp_path: Path
) -> None:
    with pytest.raises(PackageError) as caught:
        manifest_from(json.dumps(told(**changes)).encode(), tmp_path)
    assert found in str(caught.value)


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.text(max_size=3), st.lists).map(
        lambda value: json.dumps(value).encode()
    )
)
def test_whatever_it_holds_it_is_a_manifest_or_refused(content: bytes) -> None:
    with pytest.raises(PackageError):
        manifest_from(content, Path("folder"))


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="is not JSON"):
        manifest_from(b"[" * 100_000, tmp_path)


def test_a_folder_that_is_not_there_is_told_from_one_that_is_no_package(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="there is no such folder"):
        read_manifest(tmp_path / "absent")
    with pytest.raises(PackageError, match=f"it has no {MANIFEST_FILE}"):
        read_manifest(tmp_path)
