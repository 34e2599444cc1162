# SPDX-License-Identifier: Apache-2.0
"""A web server that lists its folders, as Python's own does; a test may have it fail."""

from __future__ import annotations

import threading
from base64 import b64encode
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType


class FileServer(ThreadingHTTPServer):
    """Serves `folder` at `url` for as long as the `with` block runs.

    `asked` are the requests so far. Those of a path in `refusals` get its statuses first, one each;
    with `refuses_content` only where they want the file itself. Those of one in `instead` get these
    bytes. With `login`, "user:password", it wants that.
    """

    daemon_threads = True

    def __init__(self, folder: Path, login: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.folder = folder
        self.asked: list[str] = []
        self.refusals: dict[str, list[HTTPStatus]] = {}
        self.refuses_content = False
        self.instead: dict[str, bytes] = {}
        self.authorization = f"Basic {b64encode(login.encode()).decode()}" if login else ""
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def asked_for(self, path: str) -> int:
        """How often `path` was fetched."""
        return self.asked.count(f"GET {path}")

    def __enter__(self) -> FileServer:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Answers(SimpleHTTPRequestHandler):
    server: FileServer

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments, directory=str(arguments[2].folder))  # type: ignore[arg-type, attr-defined]

    def send_head(self):  # type: ignore[no-untyped-def]
        self.server.asked.append(f"{self.command} {self.path}")
        if self.server.authorization not in ("", self.headers.get("Authorization")):
            self.send_error(HTTPStatus.UNAUTHORIZED)
            return None
        is_refused = self.command == "GET" or not self.server.refuses_content
        if is_refused and self.server.refusals.get(self.path):
            self.send_error(self.server.refusals[self.path].pop(0))
            return None
        if (content := self.server.instead.get(self.path)) is not None:
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)
            return None
        return super().send_head()

    def log_message(self, format: str, *arguments: object) -> None:
        pass
