# SPDX-License-Identifier: Apache-2.0
"""REST calls that the control thread answers. They cross the bridge as calls of one message."""

import json
import logging

from penstock.control.rest import RestAnswer, RestApplication, RestCall
from penstock.hosting.call import CallEnded, HostedCall
from penstock.hosting.call_tasks import CallTasks
from penstock.hosting.metadata import Metadatum

__all__ = ["REST_PATH", "RestCalls"]

log = logging.getLogger(__name__)

#: In place of a gRPC path; no peer can name it, since theirs begin with a slash.
REST_PATH = "rest"

OK = 0


class RestCalls:
    """Runs the application for each call, on the running event loop."""

    def __init__(self, application: RestApplication) -> None:
        self._application = application
        self._tasks = CallTasks()

    def begin(self, call: HostedCall) -> None:
        """Answers `call`; its peer may go away before."""
        self._tasks.start(call, self._answer(call))

    async def stop(self) -> None:
        """Cancels what still runs, and waits until it has taken notice."""
        await self._tasks.stop()

    async def _answer(self, call: HostedCall) -> None:
        try:
            body = await call.read() or b""
            rest = _rest_call(call.head.metadata, body)
            answer = await self._answered(rest)
            head = [Metadatum(":status", str(answer.status))]
            head += [Metadatum(name, value) for name, value in answer.headers]
            call.send_headers(head, "identity")
            await call.write(answer.body)
            call.finish(OK, "", ())
        except CallEnded:
            pass

    async def _answered(self, rest: RestCall) -> RestAnswer:
        try:
            return await self._application(rest)
        except Exception:
            log.exception("rest_call_failed", extra={"method": rest.method, "path": rest.path})
            text = "this server failed to answer; its log says why"
            return RestAnswer(status=500, body=json.dumps({"error": text}).encode())


def _rest_call(metadata: tuple[Metadatum, ...], body: bytes) -> RestCall:
    pairs = [(name, value if isinstance(value, str) else "") for name, value in metadata]
    pseudo = dict(pair for pair in pairs if pair[0].startswith(":"))
    path, _, query = pseudo[":path"].partition("?")
    return RestCall(
        method=pseudo[":method"],
        path=path,
        query=query,
        headers=tuple(pair for pair in pairs if not pair[0].startswith(":")),
        body=body,
    )
