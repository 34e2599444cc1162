# SPDX-License-Identifier: Apache-2.0
"""monitoring.toml and what else stands next to a model."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from tests.doubles.watches import small_profile

from penstock.drift import MonitoringSettings
from penstock.drift.files import monitoring_of_folder, read_version_files
from penstock.errors import MonitoringError


def test_nothing_has_to_be_said(tmp_path: Path) -> None:
    assert monitoring_of_folder(tmp_path) == MonitoringSettings()
    (tmp_path / "monitoring.toml").write_text("")
    assert monitoring_of_folder(tmp_path) == MonitoringSettings()


def test_what_is_said_is_read(tmp_path: Path) -> None:
    (tmp_path / "monitoring.toml").write_text(
        'mode = "sampled"\nshare = 0.25\ntimezone = "Europe/Berlin"\nsensitive = ["creed"]\n'
    )
    read = monitoring_of_folder(tmp_path)
    assert (read.mode, read.share, read.sensitive) == ("sampled", 0.25, ("creed",))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('mode = "half"', "mode: wanted 'off', 'sampled' or 'full', found \"half\"."),
        ("shares = 1", "shares: there is no such key; docs/monitoring.md lists them."),
        ("share = 0", "share: wanted a number greater than 0, found 0."),
        (
            'timezone = "Mars"',
            "timezone: wanted an IANA time zone, such as Europe/Berlin, found 'Mars'.",
        ),
        ("share", "is not TOML"),
    ],
)
def test_a_wrong_key_is_a_sentence(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "monitoring.toml").write_text(text)
    with pytest.raises(MonitoringError) as refused:
        monitoring_of_folder(tmp_path)
    assert why in str(refused.value)


def test_a_profile_that_was_changed_is_told_and_is_none(tmp_path: Path) -> None:
    content = json.loads(small_profile("m", "x").model_dump_json())
    (tmp_path / "profile.json").write_text(json.dumps({**content, "rows": 99}))
    files = read_version_files(tmp_path, tmp_path)
    assert files.profile is None
    assert "is no reference profile" in files.notes[0] or "it was changed" in files.notes[0]
    (tmp_path / "profile.json").write_text(json.dumps(content))
    assert read_version_files(tmp_path, tmp_path).profile == small_profile("m", "x")


def test_a_signature_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "signature.json").write_text("{")
    with pytest.raises(MonitoringError, match="is not JSON"):
        read_version_files(tmp_path, tmp_path)


def make_no_file(path: Path, kind: str) -> None:
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(path.parent / "gone")


@pytest.mark.parametrize("kind", ["pipe", "link"])
def test_settings_that_are_a_pipe_or_a_link_to_nothing_are_refused_at_once(
    tmp_path: Path, kind: str
) -> None:
    make_no_file(tmp_path / "monitoring.toml", kind)
    with pytest.raises(MonitoringError, match="wanted a file, or a link to one"):
        monitoring_of_folder(tmp_path)


@pytest.mark.parametrize("kind", ["pipe", "folder", "link"])
def test_a_profile_that_is_no_file_is_told(tmp_path: Path, kind: str) -> None:
    make_no_file(tmp_path / "profile.json", kind)
    files = read_version_files(tmp_path, tmp_path)
    assert files.profile is None
    assert re.search("profile.json cannot be read: (wanted a file|No such file)", files.notes[0])


@pytest.mark.parametrize("kind", ["pipe", "folder", "link"])
def test_a_signature_that_is_no_file_is_an_error(tmp_path: Path, kind: str) -> None:
    make_no_file(tmp_path / "signature.json", kind)
    with pytest.raises(MonitoringError, match="wanted a file, or a link to one"):
        read_version_files(tmp_path, tmp_path)
