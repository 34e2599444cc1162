# SPDX-License-Identifier: Apache-2.0
"""What a model in a process of its own does to itself, it does to nobody else."""

import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.doubles.gate import GATED_MODEL, Gate
from tests.doubles.model_files import TYPES, add_python
from tests.doubles.processes import children, descriptors, is_running, wait_until
from tests.doubles.running import RunningServer

from penstock_client import Bfloat16, Client, DeadlineExceeded, ResourceExhausted, Unavailable

SEGFAULT, EXIT, LOOP, LEAK, HOLD_LOCK, LEAVE_CHILD, BROKEN_SOCKET = range(1, 8)

#: Doubles its input, unless that begins with one of the numbers above.
WILFUL = """
    import ctypes
    import os

    import numpy as np


    class Wilful:
        def load(self, context):
            self.kept = []
            print("loaded", context.model, "instance", context.instance)

        def execute(self, batch):
            match int(batch["x"][0, 0]):
                case 1:
                    ctypes.string_at(0)
                case 2:
                    os._exit(3)
                case 3:
                    print("loops")
                    while True:
                        pass
                case 4:
                    while True:
                        self.kept.append(np.ones(1 << 20))
                case 5:
                    print("holds the lock")
                    ctypes.PyDLL(None).sleep(600)
                case 6:
                    if os.fork() == 0:
                        ctypes.CDLL(None).sleep(600)
                    os._exit(4)
                case 7:
                    os.write(3, b"a line of a log that has lost its way")
            return {"y": batch["x"] * 2}
"""


def parameter(key: str, value: object) -> str:
    return f'parameters {{ key: "{key}" value {{ string_value: "{value}" }} }}'


def isolated(**bounds: object) -> str:
    keys = {"isolation": "process", **bounds}
    lines = [parameter(f"penstock.{key}", value) for key, value in keys.items()]
    return "\n".join(["max_batch_size: 8", *lines])


def rows(first: float) -> np.ndarray:
    return np.full((1, 2), first, np.float32)


def ask(client: Client, model: str, first: float = 0, timeout: float = 30) -> np.ndarray:
    answer: np.ndarray = client.infer(model, {"x": rows(first)}, timeout=timeout)["y"]
    return answer


def ask_until_answered(client: Client, model: str) -> None:
    """Until a worker is up again."""

    def is_answered() -> bool:
        try:
            np.testing.assert_array_equal(ask(client, model, 0.5), rows(1))
        except Unavailable as error:
            assert "is started again in" in error.why or "is being started again" in error.why
            return False
        return True

    wait_until(is_answered, f"{model} answers again")


@contextmanager
def others_serve(server: RunningServer) -> Iterator[None]:
    """While the block runs, the two other models answer rightly and without a break."""
    is_over = threading.Event()
    asked = dict.fromkeys(("plain", "steady"), 0)

    def keep_asking(name: str) -> None:
        with Client(server.grpc, retry=None) as client:
            while not is_over.is_set():
                np.testing.assert_array_equal(ask(client, name, 21), rows(42))
                asked[name] += 1

    with ThreadPoolExecutor(2) as pool:
        asking = [pool.submit(keep_asking, name) for name in asked]
        try:
            yield
        finally:
            is_over.set()
        for future in asking:
            future.result()
    assert min(asked.values()) > 3


#: Gives its input back, with as many more columns as its first number says.
WIDENS = """
    import numpy as np

    class Widens:
        def execute(self, batch):
            more = np.zeros((batch.rows, int(batch["x"].flat[0]) if batch["x"].size else 0))
            return {"y": np.concatenate([batch["x"], more], 1, dtype=np.float32)}
"""
ECHO = """
    class Echo:
        def execute(self, batch):
            return {f"{name}_out": value for name, value in batch.items()}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    repository = tmp_path_factory.mktemp("models")
    add_python(repository, "plain", WILFUL, more="max_batch_size: 8")
    add_python(repository, "steady", WILFUL, more=isolated())
    for name in ("segfault", "exit", "loop", "stuck", "fork", "babble"):
        add_python(repository, name, WILFUL, more=isolated(batch_seconds_max=0.5))
    bounds = isolated(memory_bytes_max="512MiB")
    add_python(repository, "leak", WILFUL, more=bounds)
    add_python(repository, "pair", WILFUL, more=f"{isolated()} instance_group {{ count: 2 }}")
    any_width = [("x", "TYPE_FP32", [-1])], [("y", "TYPE_FP32", [-1])]
    bounds = isolated(shared_bytes_max="4MiB")
    add_python(repository, "widens", WIDENS, inputs=any_width[0], outputs=any_width[1], more=bounds)
    for isolation in ("none", "process"):
        add_python(
            repository,
            f"echo_{isolation}",
            ECHO,
            inputs=[(name, kind, [-1]) for name, kind in TYPES.items()],
            outputs=[(f"{name}_out", kind, [-1]) for name, kind in TYPES.items()],
            more="max_batch_size: 8 " + parameter("penstock.isolation", isolation),
        )
    # Its children are those of models alone.
    with RunningServer(repository, flags=("--monitoring=off",)) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[Client]:
    with Client(server.grpc, retry=None) as made:
        yield made


@pytest.mark.parametrize(
    ("model", "does", "sentence"),
    [
        ("segfault", SEGFAULT, r"was killed by SIGSEGV \(Segmentation fault\)"),
        ("exit", EXIT, "ended with exit status 3"),
        ("loop", LOOP, r"took more than 0\.5 s for a batch \(penstock\.batch_seconds_max\)"),
        ("stuck", HOLD_LOCK, r"took more than 0\.5 s for a batch"),
        ("leak", LEAK, r"held \d{9,} bytes of memory, more than the 536870912 of penstock\.mem"),
        ("fork", LEAVE_CHILD, "ended with exit status 4"),
        ("babble", BROKEN_SOCKET, "sent something that is no answer and was ended"),
    ],
)
def test_a_model_that_takes_its_process_down_fails_its_own_batch_only(
    server: RunningServer, client: Client, model: str, does: int, sentence: str
) -> None:
    ask_until_answered(client, model)
    with others_serve(server):
        with pytest.raises(Unavailable, match=f'model "{model}": its process {sentence}'):
            ask(client, model, does)
        with pytest.raises(Unavailable, match=f"{sentence}.*; it is (being )?started again"):
            ask(client, model)
        ask_until_answered(client, model)
    assert server.counted("penstock_model_worker_restarts_total", model=model) == 1
    assert server.counted("penstock_model_workers_up", model=model) == 1
    assert server.counted("nv_inference_request_failure", model=model, reason="BACKEND") >= 2
    died = rf"warning model_worker_died instance=0 model={model} reason=.*{sentence}.* restart_in="
    wait_until(lambda: re.search(died, server.log()) is not None, "its death is in the log")
    again = f"model_worker_restarted instance=0 model={model} took="
    wait_until(lambda: again in server.log(), "its restart is in the log")


def test_a_crash_and_an_overlong_batch_leave_the_line_they_were_in_in_the_log(
    server: RunningServer, client: Client
) -> None:
    for model, does in (("segfault", SEGFAULT), ("loop", LOOP)):
        ask_until_answered(client, model)
        before = len(server.log())
        with pytest.raises(Unavailable):
            ask(client, model, does)
        assert "in execute" in server.log()[before:]


def test_what_a_model_prints_is_in_the_servers_log(server: RunningServer) -> None:
    assert "loaded pair instance 1" in server.log()


def test_as_long_as_one_instance_lives_no_batch_meets_a_dead_one(
    server: RunningServer, client: Client
) -> None:
    np.testing.assert_array_equal(ask(client, "pair", 0.5), rows(1))
    with pytest.raises(Unavailable, match="exit status 3"):
        ask(client, "pair", EXIT)
    while server.counted("penstock_model_worker_restarts_total", model="pair") < 1:
        np.testing.assert_array_equal(ask(client, "pair", 0.5), rows(1))
    assert server.counted("penstock_model_workers_up", model="pair") == 2


@pytest.mark.parametrize("columns", [0, 3, 100_000])
def test_tensors_of_every_datatype_and_size_are_those_of_a_model_in_the_servers_process(
    client: Client, columns: int
) -> None:
    shape = (2, columns)
    sent: dict[str, Any] = {
        name: np.full(shape, 1, np.dtype(name.lower().replace("fp", "float")))
        for name in TYPES
        if name not in ("BF16", "BYTES")
    }
    sent["BYTES"] = np.full(shape, "grüße".encode(), object)
    given = {**sent, "BF16": Bfloat16(np.full(shape, 0x3F80, np.uint16))}
    here, there = (client.infer(f"echo_{kind}", given, timeout=30) for kind in ("none", "process"))
    for name, value in sent.items():
        assert here[f"{name}_out"].dtype == there[f"{name}_out"].dtype == value.dtype
        np.testing.assert_array_equal(there[f"{name}_out"], value)
    np.testing.assert_array_equal(np.asarray(there["BF16_out"]), np.asarray(here["BF16_out"]))


def test_shared_memory_grows_to_its_bound_and_what_needs_more_is_refused(
    server: RunningServer, client: Client
) -> None:
    columns = 1 << 20  # 4 MiB

    def widen(width: int, more: int) -> np.ndarray:
        x = np.full((1, width), more, np.float32)
        answer: np.ndarray = client.infer("widens", {"x": x}, timeout=30)["y"]
        return answer

    assert widen(columns - 1000, 900).shape == (1, columns - 100)
    bound = "at most 4194304"
    with pytest.raises(ResourceExhausted, match=f"{bound} bytes .penstock.shared_bytes_max.*4194"):
        widen(columns, 0)
    with pytest.raises(ResourceExhausted, match=f"outputs of the batch need 4194432.*{bound}"):
        widen(columns // 2, columns // 2 + 16)
    assert widen(10, 10).shape == (1, 20)
    assert server.counted("penstock_model_worker_restarts_total", model="widens") == 0


def test_deaths_leave_neither_zombies_nor_descriptors(
    server: RunningServer, client: Client
) -> None:
    def up() -> float:
        return server.counted("penstock_model_workers_up")

    wait_until(lambda: up() == 12, "all workers are up")
    pid = server.process.pid
    before, held = children(pid), descriptors(pid)
    victims = sorted(before)[:5]
    for victim in victims:
        os.kill(victim, signal.SIGKILL)
    wait_until(lambda: not before & set(victims) & children(pid), "they are gone")
    wait_until(lambda: up() == 12, "all workers are up again")
    assert len(children(pid)) == len(before)
    assert all(map(is_running, children(pid)))
    for kind in ("memfd", "anon_inode", "socket", "/proc"):
        assert sum(kind in name for name in descriptors(pid)) == sum(kind in name for name in held)


def test_a_worker_inherits_its_socket_and_its_memory_and_nothing_else(
    server: RunningServer,
) -> None:
    worker = min(children(server.process.pid))
    links = {int(link.name): str(link.readlink()) for link in Path(f"/proc/{worker}/fd").iterdir()}
    assert links[0] == "/dev/null"
    assert links[1] == links[2]
    assert links[3].startswith("socket:")
    shared = {name for fd, name in links.items() if fd > 3}
    assert shared == {"/memfd:penstock-arena (deleted)"}


def test_when_memory_is_out_a_worker_is_ended_before_the_server(server: RunningServer) -> None:
    def score(pid: int) -> int:
        return int(Path(f"/proc/{pid}/oom_score_adj").read_text())

    assert all(score(pid) > score(server.process.pid) for pid in children(server.process.pid))


def test_signals_to_the_whole_service_do_not_end_a_worker(
    server: RunningServer, client: Client
) -> None:
    ask_until_answered(client, "steady")
    for worker in children(server.process.pid):
        os.kill(worker, signal.SIGTERM)
        os.kill(worker, signal.SIGINT)
    np.testing.assert_array_equal(ask(client, "steady", 0.5), rows(1))
    assert server.counted("penstock_model_worker_restarts_total", model="steady") <= 1


@pytest.mark.parametrize(("does", "says"), [(LOOP, "loops"), (HOLD_LOCK, "holds"), (0, "loaded")])
def test_no_worker_outlives_a_server_that_is_killed(tmp_path: Path, does: int, says: str) -> None:
    add_python(tmp_path, "orphan", WILFUL, more=isolated(batch_seconds_max=0))
    with (
        RunningServer(tmp_path) as server,
        Client(server.grpc, retry=None) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        (worker,) = children(server.process.pid)
        asking = pool.submit(ask, client, "orphan", does)
        wait_until(lambda: says in server.log(), "the worker is where it is to be")
        server.process.kill()
        wait_until(lambda: not is_running(worker), "the worker is gone")
        assert does == 0 or asking.exception() is not None
        assert server.wait() == -signal.SIGKILL


def test_a_batch_without_end_does_not_hold_up_the_exit_of_a_server_that_nobody_asks(
    tmp_path: Path,
) -> None:
    add_python(tmp_path, "loop", WILFUL, more=isolated(batch_seconds_max=0))
    with RunningServer(tmp_path) as server:
        (worker,) = children(server.process.pid)
        with Client(server.grpc, retry=None) as client, pytest.raises(DeadlineExceeded):
            ask(client, "loop", LOOP, timeout=0.5)
        began = time.monotonic()
        server.drain()
        assert server.wait() == 0
        assert time.monotonic() - began < 15  # the exit timeout is 30
        wait_until(lambda: not is_running(worker), "the worker is gone")


def test_the_exit_timeout_ends_a_server_and_its_workers_in_the_middle_of_a_batch(
    tmp_path: Path,
) -> None:
    add_python(tmp_path, "loop", WILFUL, more=isolated(batch_seconds_max=0))
    with (
        RunningServer(tmp_path, flags=("--exit-timeout-secs=1",)) as server,
        Client(server.grpc, retry=None) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        (worker,) = children(server.process.pid)
        asking = pool.submit(ask, client, "loop", LOOP)
        wait_until(lambda: server.counted("penstock_streams_open") == 1, "the call is under way")
        server.drain()
        assert server.wait() == 1
        wait_until(lambda: not is_running(worker), "the worker is gone")
        assert isinstance(asking.exception(), Unavailable)


def test_a_worker_that_dies_in_the_middle_of_a_drain_fails_its_batch_and_nothing_else(
    tmp_path: Path,
) -> None:
    with Gate() as gate:
        more = f"{isolated()} {parameter('gate', gate.path)}"
        add_python(tmp_path, "gated", GATED_MODEL, more=more)
        with (
            RunningServer(tmp_path) as server,
            Client(server.grpc, retry=None) as client,
            ThreadPoolExecutor(1) as pool,
        ):
            asking = pool.submit(ask, client, "gated")
            gate.next_batch()
            server.drain()
            (worker,) = children(server.process.pid)
            os.kill(worker, signal.SIGKILL)
            with pytest.raises(Unavailable, match="was killed by SIGKILL"):
                asking.result()
            assert server.wait() == 0


def test_a_model_that_cannot_be_loaded_says_why_and_one_that_dies_of_it_says_so(
    tmp_path: Path,
) -> None:
    sick = """
        class Sick:
            def load(self, context): raise OSError("no weights")
            def execute(self, batch): ...
    """
    add_python(tmp_path, "sick", sick, more=isolated())
    add_python(tmp_path, "empty", "x = 1", more=isolated())
    add_python(tmp_path, "dies", "import os; os._exit(5)", more=isolated())
    add_python(tmp_path, "slow", "while True: pass", more=isolated(load_seconds_max=1))
    add_python(tmp_path, "unbound", WILFUL, more=parameter("penstock.memory_bytes_max", "1GiB"))
    with RunningServer(tmp_path) as server, Client(server.grpc, retry=None) as client:
        for name, reason in {
            "sick": "Sick of 1/model.py failed to load: OSError: no weights",
            "empty": "1/model.py: wanted one class with execute(self, batch), or a Triton",
            "dies": "its process ended with exit status 5 before the model was loaded",
            "slow": "its process took more than 1 s to load the model (penstock.load_seconds_max)",
            "unbound": 'set parameters.penstock.isolation to "process" as well',
        }.items():
            assert reason in client.model_ready(name, timeout=10).reason
        assert children(server.process.pid) == set()
