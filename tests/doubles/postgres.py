# SPDX-License-Identifier: Apache-2.0
"""A server of PostgreSQL, on a free port of loopback."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

from tests.doubles.processes import wait_until

START_S = 60.0
#: Whoever runs the server where this process is root, which the server refuses to be.
_USERS = ("postgres", "nobody")


def program(name: str) -> str | None:
    """Where one of PostgreSQL's programs is: in PATH, or where Debian has it."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return shutil.which(
        name, path=os.pathsep.join([os.environ.get("PATH", ""), *map(str, folders)])
    )


def lacking() -> str:
    """What is not installed, in words; empty: nothing."""
    missing = [name for name in ("initdb", "postgres", "pg_isready") if program(name) is None]
    missing += [] if find_spec("psycopg2") else ["psycopg2"]
    if missing:
        return f"{', '.join(missing)} of PostgreSQL: not installed"
    if os.getuid() == 0 and (_other_user() is None or shutil.which("setpriv") is None):
        return "PostgreSQL refuses to run as root, and there is no other user or no setpriv"
    return ""


class PostgresServer:
    """Has an empty database in a folder of its own, and is there when entered."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.uri = f"postgresql+psycopg2://penstock@127.0.0.1:{self._port}/postgres"
        # Not below a test's: the user who runs it may not look there.
        self._folder = tempfile.TemporaryDirectory(prefix="penstock-postgres-")
        self._user = _other_user() if os.getuid() == 0 else None
        if self._user is not None:
            os.chown(self._folder.name, self._user.pw_uid, self._user.pw_gid)
        data = f"{self._folder.name}/data"
        subprocess.run(
            self._command("initdb", "-D", data, "-U", "penstock", "--auth=trust", "-N"),
            check=True, capture_output=True, cwd="/",
        )  # fmt: skip
        listen = ("-p", str(self._port), "-c", "listen_addresses=127.0.0.1")
        self._process = subprocess.Popen(
            self._command("postgres", "-D", data, "-F", *listen, "-c", "unix_socket_directories="),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", start_new_session=True,
        )  # fmt: skip

    def _command(self, name: str, *arguments: str) -> list[str]:
        found = program(name)
        assert found is not None
        if self._user is None:
            return [found, *arguments]
        user = (f"--reuid={self._user.pw_uid}", f"--regid={self._user.pw_gid}", "--clear-groups")
        return ["setpriv", *user, found, *arguments]

    def __enter__(self) -> PostgresServer:
        try:
            wait_until(self._answers, "PostgreSQL answered", patience_s=START_S)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _answers(self) -> bool:
        assert self._process.poll() is None
        asks = self._command("pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self._port))
        return subprocess.run(asks, cwd="/").returncode == 0

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)  # at once, and in order
        self._process.wait()
        self._folder.cleanup()


def _other_user() -> pwd.struct_passwd | None:
    known = {user.pw_name: user for user in pwd.getpwall()}
    return next((known[name] for name in _USERS if name in known), None)
