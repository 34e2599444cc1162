# SPDX-License-Identifier: Apache-2.0
"""An S3 that answers on this machine (moto's server), and what Penstock needs to speak to it.

Both are heavy, so they have an environment of their own, build/venv_s3, made when first wanted.
"""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "venv_s3"
PACKAGES = ("moto[server]>=5.1,<6", "s3fs>=2025.3,<2027")
READY = FOLDER / "ready"
#: What botocore wants in another version than constraints.txt has.
UNPINNED = ("python-dateutil==",)

AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, "
    "Signature=none"
)

SERVE = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0)
server.start()
print("port", server.get_host_and_port()[1], flush=True)
sys.stdin.read()
server.stop()
"""


def s3_packages() -> Path:
    """Where s3fs can be imported from, in the versions of constraints.txt where that has them."""
    wanted = "\n".join(PACKAGES)
    if not READY.is_file() or READY.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", FOLDER], check=True)
        pip = [str(FOLDER / "bin" / "pip"), "--disable-pip-version-check", "install", "--quiet"]
        lines = (ROOT / "constraints.txt").read_text().splitlines()
        pinned = FOLDER / "constraints.txt"
        pinned.write_text("\n".join(one for one in lines if not one.startswith(UNPINNED)))
        subprocess.run([*pip, "-c", str(pinned), *PACKAGES], check=True)
        READY.write_text(wanted)
    [found] = FOLDER.glob("lib/python*/site-packages")
    return found


class ObjectStore:
    """A store without buckets, at `address`, for as long as the `with` block runs.

    It asks for credentials and believes any.
    """

    environment: Mapping[str, str] = MappingProxyType(
        {
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret-that-nobody-is-told",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
    )

    def __enter__(self) -> ObjectStore:
        s3_packages()
        self._process = subprocess.Popen(
            [FOLDER / "bin" / "python", "-c", SERVE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        port = next(line.split()[1] for line in self._process.stdout if line.startswith("port "))
        self.address = f"127.0.0.1:{port}"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.communicate()
        assert self._process.returncode == 0

    def put(self, path: str, content: bytes = b"") -> None:
        """Writes an object, BUCKET/KEY, or makes a bucket."""
        self._ask("PUT", path, content)

    def delete(self, path: str) -> None:
        """Removes an object."""
        self._ask("DELETE", path, None)

    def put_folder(self, folder: Path, path: str) -> None:
        """Writes the files of `folder` below `path`."""
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                self.put(f"{path}/{file.relative_to(folder)}", file.read_bytes())

    def _ask(self, method: str, path: str, content: bytes | None) -> None:
        request = urllib.request.Request(
            f"http://{self.address}/{path}",
            content,
            # urllib's own type would be a form; nobody looks at the signature.
            {"Content-Type": "application/octet-stream", "Authorization": AUTHORIZATION},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status in (200, 204)
