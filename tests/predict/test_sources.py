# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from penstock.errors import PredictError
from penstock.predict.options import ReadingBounds
from penstock.predict.source import Chunk, find_input, open_source

ROWS = 5_000
PART = 1_024
BOUNDS = ReadingBounds(chunk_rows=300)


def table(first: int = 0, rows: int = ROWS) -> pa.Table:
    return pa.table(
        {"id": np.arange(first, first + rows), "text": [f"row, {i}" for i in range(rows)]}
    )


def write_csv(rows: pa.Table, path: Path) -> None:
    pyarrow.csv.write_csv(rows, path)


def write_gzip(rows: pa.Table, path: Path) -> None:
    stream = pa.BufferOutputStream()
    pyarrow.csv.write_csv(rows, stream)
    path.write_bytes(gzip.compress(bytes(stream.getvalue())))


def write_small_groups(rows: pa.Table, path: Path) -> None:
    pq.write_table(rows, path, row_group_size=70)


def write_tabs(rows: pa.Table, path: Path) -> None:
    pyarrow.csv.write_csv(rows, path, pyarrow.csv.WriteOptions(delimiter="\t"))


WRITERS: dict[str, Callable[[pa.Table, Path], Any]] = {
    "a.parquet": pq.write_table,
    "small.parquet": write_small_groups,
    "a.feather": pyarrow.feather.write_feather,
    "a.csv": write_csv,
    "a.csv.gz": write_gzip,
    "a.tsv": write_tabs,
}


def read(given: str, first: int = 0) -> list[Chunk]:
    source = open_source(find_input(given), BOUNDS)
    return list(source.chunks(["id", "text"], first, PART))


def ids(chunks: list[Chunk]) -> list[int]:
    return [int(one) for chunk in chunks for one in chunk.batch.column("id").to_pylist()]


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_all_rows_in_chunks_within_the_bounds(name: str, tmp_path: Path) -> None:
    WRITERS[name](table(), tmp_path / name)
    chunks = read(str(tmp_path / name))
    assert ids(chunks) == list(range(ROWS))
    assert chunks[7].batch.column("text")[0].as_py() == f"row, {chunks[7].first}"
    assert max(chunk.batch.num_rows for chunk in chunks) == BOUNDS.chunk_rows
    assert chunks[-1].read == 1.0
    ends = [chunk.first + chunk.batch.num_rows for chunk in chunks]
    assert [chunk.first for chunk in chunks] == [0, *ends[:-1]]
    assert set(range(PART, ROWS, PART)) <= set(ends), "no chunk has rows of two parts"


@pytest.mark.parametrize("name", WRITERS)
def test_a_run_that_goes_on_cuts_the_rest_as_the_first_one_did(name: str, tmp_path: Path) -> None:
    WRITERS[name](table(), tmp_path / name)
    whole = [(one.first, one.batch.num_rows) for one in read(str(tmp_path / name))]
    for first in (PART, 3 * PART):
        rest = [(one.first, one.batch.num_rows) for one in read(str(tmp_path / name), first)]
        assert rest == [one for one in whole if one[0] >= first]


def test_small_row_groups_make_no_small_chunks(tmp_path: Path) -> None:
    write_small_groups(table(), tmp_path / "a.parquet")
    assert len(read(str(tmp_path / "a.parquet"))) < 2 * ROWS / BOUNDS.chunk_rows


def test_wide_rows_make_small_chunks(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"text": ["x" * 1000 + str(i) for i in range(1000)]}), tmp_path / "a.pq"
    )
    bounds = ReadingBounds(chunk_bytes=50_000)
    source = open_source(find_input(str(tmp_path / "a.pq")), bounds)
    chunks = list(source.chunks(["text"], 0, PART))
    assert sum(chunk.batch.num_rows for chunk in chunks) == 1000
    assert max(chunk.batch.nbytes for chunk in chunks) <= 2 * bounds.chunk_bytes


@pytest.mark.parametrize("ending", ["parquet", "feather", "csv"])
def test_a_folder_gives_its_files_by_name_and_rows_are_numbered_through(
    ending: str, tmp_path: Path
) -> None:
    (tmp_path / "day").mkdir()
    writer = WRITERS[f"a.{ending}"]
    writer(table(1000, 500), tmp_path / "day" / f"b.{ending}")
    writer(table(0, 1000), tmp_path / f"a.{ending}")
    writer(table(), tmp_path / f"_hidden.{ending}")
    (tmp_path / "notes.md").write_text("no rows")
    chunks = read(str(tmp_path))
    assert ids(chunks) == list(range(1500))
    last = chunks[-1]
    assert (last.file, last.first - last.file_first) == (f"day/b.{ending}", 1000)
    assert ids(read(f"{tmp_path}/*.{ending}")) != []


@pytest.mark.parametrize("name", ["a.parquet", "a.feather", "a.csv"])
def test_a_url_is_read_through_fsspec(name: str, tmp_path: Path) -> None:
    WRITERS[name](table(), tmp_path / name)
    system = fsspec.filesystem("memory")
    system.pipe_file(f"/{tmp_path.name}/{name}", (tmp_path / name).read_bytes())
    try:
        chunks = read(f"memory://{tmp_path.name}/{name}")
        assert ids(chunks) == list(range(ROWS))
        before = find_input(f"memory://{tmp_path.name}/{name}").marks()
        system.pipe_file(f"/{tmp_path.name}/{name}", b"else")
        assert find_input(f"memory://{tmp_path.name}/{name}").marks() != before
    finally:
        system.rm(f"/{tmp_path.name}", recursive=True)


def test_what_changes_with_a_file_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a\n1\n")
    files = find_input(str(path))
    before = files.marks()
    path.write_text("a\n2\n")
    os.utime(path, ns=(1, 1))
    assert files.marks() != before


def write(folder: Path, name: str, content: bytes) -> str:
    (folder / name).write_bytes(content)
    return str(folder / name)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.csv", b"id,text\n1,x\n2,y,z\n", "a.csv line 3 has 3 fields, wanted 2: mend the file"),
        ("a.csv", b"", "a.csv of .* cannot be read: Empty CSV file"),
        ("a.parquet", b"PAR1 and no more", "a.parquet of .* cannot be read: "),
        ("a.feather", b"FEA1 of old", "is no file of Arrow's .Feather's first version"),
        ("a.json", b"{}", "has no file of rows: wanted .parquet"),
        ("b.csv", b"id,name\n1,x\n", "b.csv has no column 'text'"),
        ("a.csv", b'id,text\n1,x\n2,"y\n3,z\n', "a.csv ends within quotation marks: one before"),
        ("a.csv", b'id,text,t\n1,x,"u\n2,y,v\n', "a.csv ends within quotation marks: one before"),
        ("a.tsv", b'id\ttext\n1\t"x\n2\ty', "a.tsv ends within quotation marks: one before"),
        (
            "a.csv.gz",
            gzip.compress(b'id,text\n1,"x\n2,y\n', mtime=0),  # its time would be in the test's name
            "a.csv.gz ends within quotation marks",
        ),
        ("a.csv", b'id,text\n1,"' + b"x\n" * (3 << 20), "a.csv ends within quotation marks"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_in_a_sentence(
    name: str, content: bytes, sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(PredictError, match=sentence):
        read(write(tmp_path, name, content))


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        (b'id,text\n1,5" wide\n2,x\n', ['5" wide', "x"]),
        (b'id,text\n1,x\n2,5" wide\n', ["x", '5" wide']),
        (b'id,text\n1,5" wide\n2,"x\ny"\n', ['5" wide', "x\ny"]),
        (b'id,text\n1,"a ""b"", c"\n2,"""\n"\n', ['a "b", c', '"\n']),
        (b'id,text\n1,5" wide\n2,\n', ['5" wide', None]),
        (b'id,text\n1,5" wide', ['5" wide']),
        (b'id,text\r\n1,5" wide\r\n2,x\r\n\r\n', ['5" wide', "x"]),
    ],
)
def test_quotation_marks_that_are_closed_or_stand_for_themselves_are_read(
    content: bytes, texts: list[str | None], tmp_path: Path
) -> None:
    chunks = read(write(tmp_path, "a.csv", content))
    assert [one for chunk in chunks for one in chunk.batch.column("text").to_pylist()] == texts


def test_inputs_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PredictError, match="There is no input"):
        read(str(tmp_path / "away.parquet"))
    write(tmp_path, "a.csv", b"a\n1\n")
    pq.write_table(table(), tmp_path / "b.parquet")
    with pytest.raises(PredictError, match="has files of csv and parquet: name those of one"):
        read(str(tmp_path))


def test_a_file_of_the_folder_that_lacks_a_column_is_named(tmp_path: Path) -> None:
    pq.write_table(table(0, 10), tmp_path / "a.parquet")
    pq.write_table(table(0, 10).drop_columns(["text"]), tmp_path / "b.parquet")
    with pytest.raises(PredictError, match=r"b.parquet has no column 'text'"):
        read(str(tmp_path))


@pytest.mark.parametrize("name", ["b.parquet", "b.feather", "b.csv"])
def test_a_file_that_has_two_columns_of_a_name_is_told(name: str, tmp_path: Path) -> None:
    WRITERS[f"a{Path(name).suffix}"](table(0, 10), tmp_path / f"a{Path(name).suffix}")
    twice = pa.Table.from_arrays(
        [pa.array([1])] * 2 + [pa.array(["x"])], names=["id", "id", "text"]
    )
    WRITERS[f"a{Path(name).suffix}"](twice, tmp_path / name)
    with pytest.raises(PredictError, match=rf"^{name} has two columns 'id': rename one"):
        read(str(tmp_path))


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def test_what_stands_behind_a_urls_question_mark_is_a_signature_and_no_pattern(
    tmp_path: Path,
) -> None:
    write_csv(table(rows=3), tmp_path / "rows.csv")
    serves = partial(QuietHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), serves) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}/rows.csv?sig=hush"
            found = find_input(url)
            with found.open("rows.csv") as file:
                assert file.read() == (tmp_path / "rows.csv").read_bytes()
        finally:
            server.shutdown()
            thread.join()
    assert (found.format, list(found.paths)) == ("csv", ["rows.csv"])
    assert "hush" not in found.shown
