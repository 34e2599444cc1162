# SPDX-License-Identifier: Apache-2.0
"""Ten million rows of 30 columns: what they take of memory does not grow with them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.predict.conftest import COLUMNS, WIDTH, Forest

ROWS = 10_000_000
BLOCK = 250_000
MEMORY_MIB_MAX = 600
#: The command, which tells at its end the most that was resident, in KiB.
COMMAND = """
import atexit
from penstock.cli import main
status = lambda: open("/proc/self/status").read().splitlines()
atexit.register(lambda: print(next(line for line in status() if line.startswith("VmHWM"))))
main()
"""


def write_rows(path: Path, rows: int) -> Path:
    draws = np.random.default_rng(4)
    schema = pa.schema([(name, pa.float32()) for name in COLUMNS])
    with pq.ParquetWriter(path, schema) as writer:
        for _ in range(rows // BLOCK):
            block = draws.standard_normal((WIDTH, BLOCK), np.float32)
            writer.write_table(pa.table(list(block), schema=schema))
    return path


def most_memory_mib(package: Path, rows: Path) -> float:
    output = rows.with_suffix(".out.parquet")
    arguments = ["predict", str(package), "--input", str(rows), "--output", str(output)]
    run = subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments], capture_output=True, text=True, check=True
    )
    assert pq.read_metadata(output).num_rows == pq.read_metadata(rows).num_rows
    return int(run.stdout.split()[-2]) / 1024


@pytest.mark.slow
def test_ten_million_rows_take_no_more_memory_than_one_million(
    forest: Forest, tmp_path: Path
) -> None:
    million = most_memory_mib(forest.package, write_rows(tmp_path / "a.parquet", ROWS // 10))
    all_rows = most_memory_mib(forest.package, write_rows(tmp_path / "b.parquet", ROWS))
    assert all_rows < 1.2 * million
    assert all_rows < MEMORY_MIB_MAX
