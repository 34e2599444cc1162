# SPDX-License-Identifier: Apache-2.0
"""Every kind of source gives the same rows; what cannot be read is said in a sentence."""

import sqlite3
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from tests.training.data_runs import pipeline, two_classes, write_csv

from penstock.row_files import without_secrets
from penstock_training.data.bundled import BUNDLED
from penstock_training.data.databases import shown_database, with_environment
from penstock_training.data.source import Loaded, load, marks_of
from penstock_training.data.tables import digest_of_table
from penstock_training.errors import DataError


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def loaded(folder: Path, **data: Any) -> Loaded:
    return load(pipeline(folder, data=data))


def refused(folder: Path, **data: Any) -> str:
    with pytest.raises(DataError) as error:
        loaded(folder, **data)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.fixture
def table(tmp_path: Path) -> Any:
    two_classes(tmp_path / "rows.csv")
    return loaded(tmp_path, path="rows.csv").table


def test_csv_columns_have_the_types_of_all_their_values(tmp_path: Path, table: Any) -> None:
    assert [str(kind) for kind in table.schema.types] == ["int64", "double", "string", "string"]
    assert len(table) == 40


@pytest.mark.parametrize("name", BUNDLED)
def test_the_sets_of_scikit_learn_are_read_by_name(tmp_path: Path, name: str) -> None:
    found = loaded(tmp_path, sklearn=name).table
    assert found.column_names[-1] == "target"
    assert len(found) > 100


def test_classes_of_a_bundled_set_have_their_names(tmp_path: Path) -> None:
    found = loaded(tmp_path, sklearn="iris").table
    assert sorted(set(found.column("target").to_pylist())) == ["setosa", "versicolor", "virginica"]
    digits = loaded(tmp_path, sklearn="digits").table
    assert set(digits.column("target").to_pylist()) == set(range(10))


@pytest.mark.parametrize("ending", ["parquet", "arrow", "feather", "stream.arrow"])
def test_binary_formats_give_the_rows_of_the_text(tmp_path: Path, table: Any, ending: str) -> None:
    import pyarrow
    import pyarrow.feather
    import pyarrow.parquet

    path = tmp_path / f"rows.{ending}"
    if ending == "parquet":
        pyarrow.parquet.write_table(table, path)
    elif ending == "feather":
        pyarrow.feather.write_feather(table, str(path))
    else:
        maker = pyarrow.ipc.new_stream if ending.startswith("stream") else pyarrow.ipc.new_file
        with maker(path, table.schema) as writer:
            writer.write_table(table)
    found = loaded(tmp_path, path=path.name).table
    assert digest_of_table(found) == digest_of_table(table)


@pytest.mark.parametrize("ending", ["gz", "bz2", "zst"])
def test_compressed_text_gives_the_rows_of_the_plain_one(
    tmp_path: Path, table: Any, ending: str
) -> None:
    import pyarrow

    kinds = {"gz": "gzip", "bz2": "bz2", "zst": "zstd"}
    with pyarrow.CompressedOutputStream(tmp_path / f"rows.csv.{ending}", kinds[ending]) as file:
        file.write((tmp_path / "rows.csv").read_bytes())
    assert loaded(tmp_path, path=f"rows.csv.{ending}").table.equals(table)


def test_a_folder_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    write_csv(tmp_path / "rows" / "b" / "1.csv", "a,y", "3,x", "4,x")
    write_csv(tmp_path / "rows" / "a.csv", "y,a", "x,1", "x,2")
    write_csv(tmp_path / "rows" / "_SUCCESS")
    write_csv(tmp_path / "rows" / "notes.txt", "no rows")
    write_csv(tmp_path / "rows" / ".hidden" / "c.csv", "other", "1")
    found = loaded(tmp_path, path="rows")
    # The first file's order of columns is the table's.
    assert found.table.to_pydict() == {"y": ["x"] * 4, "a": [1, 2, 3, 4]}
    assert [(origin.name, origin.rows) for origin in found.origins] == [
        ("a.csv", 2),
        ("b/1.csv", 2),
    ]


def test_a_pattern_is_read_and_a_url_gives_the_same(tmp_path: Path) -> None:
    for place in range(3):
        write_csv(tmp_path / "days" / f"{place}.csv", "a,y", f"{place},x")
    write_csv(tmp_path / "days" / "9.csv", "a,y", "9,x")
    found = loaded(tmp_path, path="days/[0-2].csv")
    assert found.table.column("a").to_pylist() == [0, 1, 2]
    url = f"file://{tmp_path}/days/[0-2].csv"
    again = loaded(tmp_path, path=url)
    assert again.table.equals(found.table)
    assert [origin.name for origin in again.origins] == ["0.csv", "1.csv", "2.csv"]


def test_the_index_of_a_frame_is_no_column(tmp_path: Path) -> None:
    import pandas as pd

    frame = pd.DataFrame({"a": [1, 2, 3]}).iloc[[2, 0]]
    frame.to_parquet(tmp_path / "rows.parquet")
    assert loaded(tmp_path, path="rows.parquet").table.to_pydict() == {"a": [3, 1]}


def test_what_fsspec_reads_is_read(tmp_path: Path, table: Any) -> None:
    import fsspec

    system = fsspec.filesystem("memory")
    system.pipe("/sources/rows.csv", (tmp_path / "rows.csv").read_bytes())
    assert loaded(tmp_path, path="memory://sources/rows.csv").table.equals(table)
    whole = loaded(tmp_path, path="memory://sources")
    assert whole.table.equals(table)
    assert [origin.name for origin in whole.origins] == ["rows.csv"]
    assert loaded(tmp_path, path="memory://sources/row?.csv").table.equals(table)
    # It does not say when a file changes, so that the file is read every time.
    assert marks_of(pipeline(tmp_path, data={"path": "memory://sources/rows.csv"})) is None


def test_a_web_server_is_read(tmp_path: Path, table: Any) -> None:
    serves = partial(QuietHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), serves) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            host = f"http://127.0.0.1:{server.server_port}"
            assert loaded(tmp_path, path=f"{host}/rows.csv?sig=hush").table.equals(table)
            said = refused(tmp_path, path=f"{host}/away.csv?sig=hush")
        finally:
            server.shutdown()
            thread.join()
    assert said.startswith(f"{host}/away.csv")
    assert "hush" not in said


def test_the_mark_of_files_changes_with_their_bytes(tmp_path: Path) -> None:
    spec = pipeline(tmp_path, data={"path": "rows.csv"})
    two_classes(tmp_path / "rows.csv")
    first = marks_of(spec)
    two_classes(tmp_path / "rows.csv", rows=41)
    assert marks_of(spec) not in (None, first)
    url = pipeline(tmp_path, data={"path": f"file://{tmp_path}/rows.csv"})
    assert marks_of(url) is not None


def test_duckdb_reads_files_and_its_own_database(tmp_path: Path, table: Any) -> None:
    import duckdb

    # DuckDB takes yes and no for true and false.
    rows = "SELECT a, b, c FROM 'rows.csv' ORDER BY a"
    found = loaded(tmp_path, sql=rows).table
    assert digest_of_table(found) == digest_of_table(table.select(["a", "b", "c"]))
    with duckdb.connect(str(tmp_path / "rows.duckdb")) as connection:
        connection.execute("CREATE TABLE rows AS SELECT 1 AS a, 'x' AS y UNION ALL SELECT 2, NULL")
    found = loaded(tmp_path, sql="SELECT * FROM rows ORDER BY a", database="duckdb:///rows.duckdb")
    assert found.table.to_pydict() == {"a": [1, 2], "y": ["x", None]}


def test_sqlalchemy_reads_a_database(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "rows.db") as connection:
        connection.execute("CREATE TABLE rows (a INTEGER, b REAL, y TEXT)")
        connection.execute("INSERT INTO rows VALUES (1, 0.5, 'a:b'), (2, NULL, 'c')")
    connection.close()
    sql = "SELECT * FROM rows WHERE y != 'x:y' ORDER BY a"
    found = loaded(tmp_path, sql=sql, database="sqlite:///rows.db")
    assert found.table.to_pydict() == {"a": [1, 2], "b": [0.5, None], "y": ["a:b", "c"]}


def test_a_password_comes_from_the_environment_and_is_not_shown() -> None:
    url = with_environment("postgresql://me:${DB_PASSWORD}@host/rows", {"DB_PASSWORD": "hush"})
    assert url == "postgresql://me:hush@host/rows"
    assert shown_database(url) == "postgresql://me:***@host/rows"
    with pytest.raises(DataError, match=r"names \$\{OTHER\}, which is not set: export it"):
        with_environment("postgresql://me:${OTHER}@host/rows", {})
    assert without_secrets("https://me:hush@host/rows.csv?sig=hush") == "https://host/rows.csv"


def test_a_wrong_database_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "none.db").write_bytes(b"")
    said = refused(tmp_path, sql="SELECT 1", database="sqlite:///away.db")
    assert said.startswith("[data] database: there is no file ")
    assert not (tmp_path / "away.db").exists()
    assert "no such table: rows" in refused(
        tmp_path, sql="SELECT * FROM rows", database="sqlite:///none.db"
    )
    assert "wanted DIALECT://USER@HOST/NAME" in refused(tmp_path, sql="x", database="rows.db")
    said = refused(tmp_path, sql="SELECT 1", database="nosuch://me:hush@host/rows")
    assert "packages of their own: install it" in said
    assert "hush" not in said
    assert "DuckDB says: " in refused(tmp_path, sql="SELECT * FROM 'away.csv'")
    said = refused(tmp_path, sql="CREATE TABLE t (a INT)", database="sqlite:///none.db")
    assert said == "[data] sql gives no rows: wanted a SELECT."
    assert "gives no rows: wanted some" in refused(tmp_path, sql="SET threads = 1")


def test_a_database_that_quotes_a_value_is_not_quoted_if_there_are_sensitive_columns(
    tmp_path: Path,
) -> None:
    data = {"sql": "SELECT CAST(a AS INT) AS a FROM (SELECT 'hush hush' AS a)"}
    assert "hush hush" in refused(tmp_path, **data)
    with pytest.raises(DataError, match=r"Could not convert string \*\*\* to INT32") as error:
        load(pipeline(tmp_path, data=data, features={"sensitive": ["a"]}))
    assert "hush" not in str(error.value)


def test_a_text_of_another_encoding_is_told_as_such(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes("a,y\nÅrhus,1\n".encode("latin-1"))
    said = "rows.csv cannot be read as .csv: it is not UTF-8; save it with that encoding."
    assert refused(tmp_path, path="rows.csv") == said
    file.write_bytes("Århus,y\n1,1\n".encode("latin-1"))
    assert "its first line is not UTF-8; save it" in refused(tmp_path, path="rows.csv")


def test_columns_that_no_table_can_have_are_refused(tmp_path: Path) -> None:
    (tmp_path / "none.db").write_bytes(b"")
    database = "sqlite:///none.db"
    said = refused(tmp_path, sql="SELECT 1 AS a, 2 AS a", database=database)
    assert "column 'a' more than once" in said
    said = refused(tmp_path, sql="SELECT 1 AS a UNION ALL SELECT 'x'", database=database)
    assert said == "[data] sql: column 'a' holds int and str: CAST it in the query."
    write_csv(tmp_path / "rows.csv", "a,b,a", "1,2,3")
    assert "its first line names 'a' more than once" in refused(tmp_path, path="rows.csv")


def test_files_that_do_not_fit_each_other_are_refused_by_name(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    write_csv(tmp_path / "rows" / "a.csv", "a,y", "1,x")
    write_csv(tmp_path / "rows" / "b.csv", "a,z", "1,x")
    assert refused(tmp_path, path="rows").startswith("b.csv lacks column 'y', unlike a.csv")
    pyarrow.parquet.write_table(pyarrow.table({"a": [1]}), tmp_path / "rows" / "c.parquet")
    assert "files of .csv and .parquet" in refused(tmp_path, path="rows")
    pyarrow.parquet.write_table(pyarrow.table({"a": ["x"]}), tmp_path / "rows" / "d.parquet")
    said = refused(tmp_path, path="rows/*.parquet")
    assert said.startswith("column 'a' is number in c.parquet and string in d.parquet")


def test_whole_numbers_and_fractions_of_two_files_are_one_column(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    for name, values in (("a", [1, 2]), ("b", [0.5, None]), ("c", [None, None])):
        table = pyarrow.table({"a": values})
        pyarrow.parquet.write_table(table, tmp_path / f"{name}.parquet")
    found = loaded(tmp_path, path="*.parquet").table
    assert found.to_pydict() == {"a": [1.0, 2.0, 0.5, None, None, None]}


def test_a_column_has_one_type_in_all_files_of_text(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", "a", "1", "2")
    write_csv(tmp_path / "b.csv", "a", "x")
    assert loaded(tmp_path, path="*.csv").table.to_pydict() == {"a": ["1", "2", "x"]}


def test_sources_without_rows_are_one_sentence(tmp_path: Path) -> None:
    write_csv(tmp_path / "empty.csv")
    write_csv(tmp_path / "names.csv", "a,y")
    write_csv(tmp_path / "notes.txt", "hello")
    (tmp_path / "rows.parquet").write_text("no parquet")
    (tmp_path / "year=2026").mkdir()
    write_csv(tmp_path / "parts" / "year=2026" / "a.csv", "a", "1")
    assert "away.csv names no file" in refused(tmp_path, path="away.csv")
    assert "empty.csv cannot be read as .csv: it is empty" in refused(tmp_path, path="empty.csv")
    assert "names.csv gives no rows" in refused(tmp_path, path="names.csv")
    assert "found notes.txt" in refused(tmp_path, path="notes.txt")
    assert "rows.parquet cannot be read as .parquet" in refused(tmp_path, path="rows.parquet")
    assert "hive_partitioning" in refused(tmp_path, path="parts")
    assert "found 'flowers'" in refused(tmp_path, sklearn="flowers")
    assert "cannot be read" in refused(tmp_path, path="nosuch://bucket/rows.csv")


def test_numbers_times_and_text_are_told_apart(tmp_path: Path) -> None:
    write_csv(
        tmp_path / "rows.csv",
        "whole,gaps,zip,country,day,moment,flag,none",
        "1,NA,007,NA,2026-01-31,2026-01-31T10:00:00Z,true,",
        "-2,1.5,123,DE,2026-02-01,2026-01-31T12:00:00+02:00,FALSE,",
        "3,,045,,,,,",
    )
    found = loaded(tmp_path, path="rows.csv").table
    assert {field.name: str(field.type) for field in found.schema} == {
        "whole": "int64", "gaps": "double", "zip": "string", "country": "string",
        "day": "timestamp[us]", "moment": "timestamp[us]", "flag": "bool", "none": "double",
    }  # fmt: skip
    assert found.column("gaps").to_pylist() == [None, 1.5, None]
    assert found.column("country").to_pylist() == ["NA", "DE", None]
    first, second, _ = found.column("moment").to_pylist()
    assert first == second


def test_lines_that_are_no_rows_are_told_by_their_number(tmp_path: Path) -> None:
    write_csv(tmp_path / "rows.csv", "a,y", "1,x", "2,x,more", "3,x")
    found = loaded(tmp_path, path="rows.csv")
    assert found.table.column("a").to_pylist() == [1, 3]
    (line,) = found.malformed
    assert (line.file, line.line, line.reason) == ("rows.csv", 3, "has 3 fields: wanted 2")


def test_the_digest_is_of_the_values_alone() -> None:
    import pyarrow

    table = pyarrow.table({"a": [1, None, 3], "b": ["x", None, ""], "c": [True, False, None]})
    same = pyarrow.concat_tables([table.slice(0, 1), table.slice(1)])
    assert digest_of_table(same) == digest_of_table(table)
    for column, values in (("a", [1, 0, 3]), ("b", ["x", "", None]), ("c", [True, False, False])):
        place = table.column_names.index(column)
        other = table.set_column(place, column, pyarrow.array(values))
        assert digest_of_table(other) != digest_of_table(table)
    swapped = table.select(["b", "a", "c"])
    assert digest_of_table(swapped) != digest_of_table(table)
