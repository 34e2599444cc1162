# SPDX-License-Identifier: Apache-2.0
"""Large batches on several threads: the same answers, whoever else computes meanwhile."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from tests.native.programs import one_step

import penstock.native
from penstock.errors import EngineError
from penstock.native.artifact import Array, ArtifactBuilder, write_artifact
from penstock_client._proto import native_artifact_pb2 as pb

#: A layer whose rows cost microseconds: batches of some thousands of them are worth splitting.
WIDTHS = (300, 400)


def layer(builder: ArtifactBuilder) -> pb.Dense:
    weight = np.random.default_rng(1).normal(size=(WIDTHS[1], WIDTHS[0]))
    return pb.Dense(
        weights=pb.Dense.FP32,
        weight=builder.blob(weight, "<f4"),
        activation=pb.Activation(function=pb.Activation.TANH),
    )


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("threads") / "model.pnst"
    write_artifact(one_step(layer, (pb.FLOAT32, pb.FLOAT32), WIDTHS), file)
    return file


def rows(count: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(0, 0.1, (count, WIDTHS[0])).astype(np.float32)


@pytest.mark.parametrize("count", [0, 1, 64, 65, 4001])
@pytest.mark.parametrize("threads", [2, 5, None])
def test_the_answers_are_those_of_one_thread(path: Path, threads: int | None, count: int) -> None:
    wanted = penstock.native.load(path, threads=1).predict(rows(count))
    found = penstock.native.load(path, threads=threads).predict(rows(count))
    np.testing.assert_array_equal(found, wanted)


def test_several_callers_may_have_large_batches_at_once(path: Path) -> None:
    alone, model = penstock.native.load(path, threads=1), penstock.native.load(path, threads=3)
    batches = [rows(2000 + 100 * seed, seed) for seed in range(6)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(model.predict, batches))
    for batch, answer in zip(batches, found, strict=True):
        np.testing.assert_array_equal(answer, alone.predict(batch))


def test_a_large_batch_makes_helpers_and_a_small_one_does_not(path: Path) -> None:
    program = (
        "import os, sys, numpy, penstock.native\n"
        "def helpers():\n"
        "    tasks = os.scandir('/proc/self/task')\n"
        "    return sum(open(f'{t.path}/comm').read() == 'rows\\n' for t in tasks)\n"
        "model = penstock.native.load(sys.argv[1], threads=3)\n"
        "x = numpy.zeros((20000, 300), numpy.float32)\n"
        "model.predict(x[:64])\n"
        "before = helpers()\n"
        "model.predict(x)\n"
        "between = helpers()\n"
        "del model\n"
        "print(before, between, helpers())\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["0", "2", "0"]


def test_a_forked_child_computes_alone(path: Path) -> None:
    program = (
        "import os, sys, numpy, penstock.native\n"
        "model = penstock.native.load(sys.argv[1], threads=3)\n"
        "x = numpy.ones((20000, 300), numpy.float32)\n"
        "wanted = model.predict(x)\n"
        "child = os.fork()\n"
        "is_right = bool((model.predict(x) == wanted).all())\n"
        "if child:\n"
        "    is_right &= os.waitpid(child, 0)[1] == 0\n"
        "del model\n"
        "sys.exit(0 if is_right else 1)\n"
    )
    run = subprocess.run([sys.executable, "-c", program, str(path)], timeout=60, check=False)
    assert run.returncode == 0


def test_a_forked_child_ends_no_thread_of_its_own_with_the_model(path: Path) -> None:
    # The child's threads get the memory, and so the names, that the helpers had.
    program = (
        "import os, sys, threading, numpy, penstock.native\n"
        "model = penstock.native.load(sys.argv[1], threads=4)\n"
        "model.predict(numpy.ones((20000, 300), numpy.float32))\n"
        "child = os.fork()\n"
        "if child:\n"
        "    sys.exit(1 if os.waitpid(child, 0)[1] else 0)\n"
        "end = threading.Event()\n"
        "threads = [threading.Thread(target=end.wait) for _ in range(6)]\n"
        "for thread in threads: thread.start()\n"
        "del model\n"
        "end.set()\n"
        "for thread in threads: thread.join()\n"
        "os._exit(0)\n"
    )
    run = subprocess.run([sys.executable, "-c", program, str(path)], timeout=60, check=False)
    assert run.returncode == 0


@pytest.mark.parametrize("threads", [0, -1, 257])
def test_a_number_of_threads_that_cannot_be_is_told(path: Path, threads: int) -> None:
    with pytest.raises(EngineError, match=f"threads is {threads}: wanted 1 to 256"):
        penstock.native.load(path, threads=threads)
