# SPDX-License-Identifier: Apache-2.0
"""Which URIs are registries, and what is said of those that are none, without MLflow."""

from __future__ import annotations

import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from penstock.errors import RegistryError
from penstock.registry.place import check_reachable, registry_place, shown_uri


def test_a_relative_file_is_one_of_the_folder(tmp_path: Path) -> None:
    place = registry_place("sqlite:///sub/runs.db", folder=tmp_path)
    assert place.file == tmp_path / "sub/runs.db"
    assert place.uri == f"sqlite:///{tmp_path}/sub/runs.db"
    assert place.artifacts == tmp_path / "sub/runs-artifacts"
    absolute = registry_place("sqlite:////var/lib/mlflow.db", folder=tmp_path)
    assert absolute.file == Path("/var/lib/mlflow.db")


@pytest.mark.parametrize(
    "uri",
    ["", "mlruns", "file:///mlruns", "ftp://host", "http://", "http://host:99999", "sqlite:///",
     "http://host:0", "http://[::1"],
)  # fmt: skip
def test_what_is_no_registry_is_refused_with_what_is(uri: str, tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match=r"The registry .*"):
        registry_place(uri, folder=tmp_path)


def test_a_password_is_not_shown(tmp_path: Path) -> None:
    assert shown_uri("https://me:pw@host:5000/path@x") == "https://host:5000/path@x"
    with pytest.raises(RegistryError) as caught:
        registry_place("ftp://me:secret@host", folder=tmp_path)
    assert "secret" not in str(caught.value)


def test_a_server_that_does_not_answer_is_told_at_once(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(RegistryError, match=f"No MLflow server answers at {uri}"):
            check_reachable(registry_place(uri, folder=tmp_path), creates=True)
        taken.listen()
        check_reachable(registry_place(uri, folder=tmp_path), creates=True)


def test_a_registry_is_made_only_by_who_may(tmp_path: Path) -> None:
    place = registry_place("sqlite:///new/mlflow.db", folder=tmp_path)
    with pytest.raises(RegistryError, match="There is no registry at"):
        check_reachable(place, creates=False)
    assert not (tmp_path / "new").exists()
    check_reachable(place, creates=True)
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize("creates", [True, False])
def test_a_file_that_is_no_database_is_left_alone(creates: bool, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("These are my notes.")
    place = registry_place("sqlite:///notes.txt", folder=tmp_path)
    with pytest.raises(RegistryError, match="is no database of SQLite"):
        check_reachable(place, creates=creates)
    assert (tmp_path / "notes.txt").read_text() == "These are my notes."


def test_a_place_that_cannot_be_written_is_told_with_the_mend(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    place = registry_place("sqlite:///file/mlflow.db", folder=tmp_path)
    with pytest.raises(RegistryError, match=r"cannot be written: .* Name another place"):
        check_reachable(place, creates=True)


def test_mlflow_is_not_imported_to_say_so(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from penstock.registry.place import check_reachable, registry_place\n"
        "import penstock.package, penstock.package.placing, penstock.registry.registry\n"
        "import penstock.cli, penstock.registry.promotion, penstock.registry.readings\n"
        "import penstock.commands.registry.comparison_picture\n"
        "place = registry_place('sqlite:///a.db', folder=Path(sys.argv[1]))\n"
        "check_reachable(place, creates=True)\n"
        "heavy = {'matplotlib', 'mlflow', 'model_signing', 'onnxruntime', 'pandas', 'sqlalchemy'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout == "[]\n", done.stderr


def test_a_file_that_was_moved_away_is_not_replaced_by_an_empty_registry(tmp_path: Path) -> None:
    folder = tmp_path / "of 100%20 models? #1"
    folder.mkdir()
    place = registry_place("sqlite:///mlflow.db", folder=folder)
    assert place.file is not None
    with pytest.raises(OperationalError):
        create_engine(place.opened_uri).connect()
    assert not place.file.exists()
    with closing(sqlite3.connect(place.file)) as database:
        database.execute("CREATE TABLE models (name)")
    with create_engine(place.opened_uri).connect() as connection:
        connection.execute(text("INSERT INTO models VALUES ('iris')"))
        connection.commit()
    with closing(sqlite3.connect(place.file)) as database:
        assert database.execute("SELECT name FROM models").fetchall() == [("iris",)]
