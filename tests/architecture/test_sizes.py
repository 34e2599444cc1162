# SPDX-License-Identifier: Apache-2.0
"""No source file grows past the point where it holds two ideas."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LINES_MAX = 500
FOLDERS = ["benchmarks", "client", "cpp", "examples", "proto", "server", "tests", "tools"]
SUFFIXES = {".cc", ".h", ".py", ".pyi", ".pyx", ".sh"}


def test_no_source_file_is_longer_than_500_lines() -> None:
    written_by_hand = (
        path
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.suffix in SUFFIXES
        and not path.match("_proto/*_pb2.py*")
        and not path.match("_proto/descriptors.py")
        and "build" not in path.relative_to(ROOT).parts
    )
    lines = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in written_by_hand
    }
    assert {path: count for path, count in lines.items() if count > LINES_MAX} == {}
