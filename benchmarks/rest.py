# SPDX-License-Identifier: Apache-2.0
"""The V2 protocol over HTTP/1.1: requests as bytes, a client that asks, checks of what comes.

Few lines of our own over http.client, so that what a server is timed and checked with depends on
none of the code that is timed.
"""

import http.client
import json
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.servers import NotYetError

Floats = npt.NDArray[np.float32]

HEADER_LENGTH = "inference-header-content-length"
_CALL_SECONDS_MAX = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RestRequest:
    """A POST of one tensor; `header_bytes` of the body are JSON where the tensor is binary."""

    path: str
    body: bytes
    header_bytes: int | None = None

    @property
    def headers(self) -> dict[str, str]:
        """Return the request's fields."""
        if self.header_bytes is None:
            return {"content-type": "application/json"}
        return {"content-type": "application/octet-stream", HEADER_LENGTH: str(self.header_bytes)}


def json_request(model: str, rows: Floats) -> RestRequest:
    """Return a request whose tensor stands in JSON, as floats' shortest decimal forms."""
    tensor = {"name": "INPUT0", "datatype": "FP32", "shape": list(rows.shape)}
    values = [float(str(value)) for value in rows.ravel()]
    body = json.dumps({"inputs": [{**tensor, "data": values}]}, separators=(",", ":"))
    return RestRequest(path=f"/v2/models/{model}/infer", body=body.encode())


def binary_request(model: str, rows: Floats) -> RestRequest:
    """Return a request whose tensor follows the JSON, and whose answer's is to do so, too."""
    tensor = {"name": "INPUT0", "datatype": "FP32", "shape": list(rows.shape)}
    size = {"binary_data_size": rows.nbytes}
    asked = {"parameters": {"binary_data_output": True}}
    head = json.dumps(
        {**asked, "inputs": [{**tensor, "parameters": size}]}, separators=(",", ":")
    ).encode()
    return RestRequest(
        path=f"/v2/models/{model}/infer", body=head + rows.tobytes(), header_bytes=len(head)
    )


class Asking:
    """Asks with http.client, and checks that the answer is the rows that were sent."""

    def __init__(self, request: RestRequest, rows: Floats) -> None:
        """Every question is `request`, its right answer `rows`."""
        self._request = request
        self._rows = rows

    def __call__(self, port: int, body: bytes) -> bytes:
        """Return the answer's body. Raises ValueError where it is wrong."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_CALL_SECONDS_MAX)
        try:
            connection.request("POST", self._request.path, body, self._request.headers)
            answer = connection.getresponse()
            content = answer.read()
        except OSError as error:
            raise NotYetError(str(error)) from error
        finally:
            connection.close()
        if answer.status in (400, 404, 503):  # while the model is being loaded
            raise NotYetError(f"{answer.status}: {content[:200]!r}")
        if answer.status != 200:
            raise ValueError(f"status 200 was wanted, {answer.status} came: {content[:200]!r}")
        self._check(content, answer.getheader(HEADER_LENGTH))
        return content

    def _check(self, content: bytes, header_bytes: str | None) -> None:
        head = json.loads(content[: int(header_bytes)] if header_bytes else content)
        (output,) = head["outputs"]
        form = (output["name"], output["datatype"], tuple(output["shape"]))
        if form != ("OUTPUT0", "FP32", self._rows.shape):
            raise ValueError(f"another output than OUTPUT0 of {self._rows.shape} came: {form}")
        if (self._request.header_bytes is None) != ("data" in output):
            raise ValueError("the answer's tensor is not where the request's is")
        if "data" in output:
            got = np.asarray(output["data"], np.float32).reshape(self._rows.shape)
        else:
            assert header_bytes is not None
            got = np.frombuffer(content[int(header_bytes) :], np.float32).reshape(self._rows.shape)
        if got.tobytes() != self._rows.tobytes():
            raise ValueError("the tensor that came back is not the one that was sent")
