# SPDX-License-Identifier: Apache-2.0
"""Builds the fuzzers; runs each over its corpus, then for a while over what it makes of it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests" / "fuzz"
ARTIFACTS = ROOT / "build" / "fuzz"
COMPILER = "clang++-16"
TARGETS = sorted(path.stem.removeprefix("fuzz_") for path in FOLDER.glob("fuzz_*.cc"))
#: Each fuzzer's time, where `make fuzz` does not give it more.
SHORT_SECONDS = 2
INPUT_BYTES_MAX = 4096
MEMORY_MB_MAX = 2048
INPUT_SECONDS_MAX = 20

pytestmark = pytest.mark.skipif(
    shutil.which(COMPILER) is None,
    reason=f"no {COMPILER} on this machine: apt-get install clang-16 libclang-rt-16-dev",
)


@pytest.fixture(scope="session")
def fuzzers() -> Path:
    """The folder of the fuzzers, up to date."""
    built = subprocess.run(
        [sys.executable, ROOT / "tools" / "build.py", "fuzzers"], capture_output=True, text=True
    )
    assert built.returncode == 0, built.stderr
    return Path(built.stdout.splitlines()[-1]).parent


def run(fuzzer: Path, *arguments: str | Path) -> None:
    """Runs a fuzzer; what it finds remains in ARTIFACTS."""
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    ran = subprocess.run(
        [
            fuzzer,
            f"-artifact_prefix={ARTIFACTS / fuzzer.name}-",
            f"-max_len={INPUT_BYTES_MAX}",
            f"-rss_limit_mb={MEMORY_MB_MAX}",
            f"-timeout={INPUT_SECONDS_MAX}",
            "-print_final_stats=0",
            *arguments,
        ],
        capture_output=True,
        text=True,
        errors="replace",
    )
    assert ran.returncode == 0, ran.stderr[-8000:]


def test_the_corpus_is_what_its_generator_writes() -> None:
    made = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.make_corpus", "--check"],
        cwd=FOLDER.parents[1],
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, "run python -m tests.fuzz.make_corpus\n" + made.stderr


@pytest.mark.parametrize("target", TARGETS)
def test_no_input_breaks(target: str, fuzzers: Path, tmp_path: Path) -> None:
    """A long run begins where the last one ended: what it learns is kept under build/."""
    seconds = os.environ.get("FUZZ_SECONDS", "")
    learnt = ARTIFACTS / "corpus" / target if seconds else tmp_path
    learnt.mkdir(parents=True, exist_ok=True)
    seeds = FOLDER / "corpus" / target
    assert any(seeds.iterdir())
    run(fuzzers / f"fuzz_{target}", f"-max_total_time={seconds or SHORT_SECONDS}", learnt, seeds)
