# SPDX-License-Identifier: Apache-2.0
"""What docs/drift_report.md tells to run, run in order."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from penstock.cli import app
from penstock_monitoring.commands import add_to

DOCUMENT = Path(__file__).parents[2] / "docs" / "drift_report.md"


def test_the_examples_of_the_document_run_and_say_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    add_to(app)
    names: dict[str, Any] = {}
    printed = []
    for kind, block in re.findall(r"```(\w*)\n(.*?)```", DOCUMENT.read_text(), re.DOTALL):
        if kind == "python":
            exec(compile(block, str(DOCUMENT), "exec"), names)
            continue
        for command in block.splitlines() if kind == "" else ():
            program, *arguments = shlex.split(command)
            if program == "penstock":
                done = CliRunner(env={"COLUMNS": "100"}).invoke(app, arguments)
                assert done.exit_code == 0, (command, done.output)
                printed.append(done.output)
    assert len(printed) == 4
    assert re.search(r"1 of 3 columns has drifted: age \(PSI 0\.4\d\d\)\.", printed[0])
    assert "drift ('age',) age (PSI 0.4" in capsys.readouterr().out
    assert (tmp_path / "drift.html").stat().st_size < 100_000
