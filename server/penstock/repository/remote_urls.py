# SPDX-License-Identifier: Apache-2.0
"""What the URL of a remote repository means: which file system of fsspec, and where in it.

    s3://bucket/prefix                    gs://bucket/prefix
    s3://host:9000/bucket/prefix          Triton's form for a store of one's own; https://host:9000
                                          behind the s3:// says how it is spoken to
    as://account/container/path           Triton's form for Azure
    https://host/models/                  a server that lists its folders
    memory://models, file:///models       and whatever else fsspec knows

Pure. A URL may hold a password or a signature, so nobody is shown one but as `shown`.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from penstock.errors import RepositoryError

__all__ = ["PACKAGES", "RemoteAddress", "is_remote", "read_url"]

#: Protocol -> the package that fsspec needs besides itself.
PACKAGES = {
    "s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs",
    "abfs": "adlfs", "abfss": "adlfs", "az": "adlfs",
    "http": "aiohttp", "https": "aiohttp",
}  # fmt: skip
#: Those that list a whole tree in one go, and have no folders of their own.
OBJECT_STORES = frozenset(PACKAGES) - {"http", "https"}
#: A host behind s3://, as no bucket's name can be.
STORE_HOST = re.compile(r"(?:(https?)://)?([^/:@]+:\d+)(?:/+(.*))?", re.DOTALL)
STORE_URL = re.compile(r"(https?)://([^/@]+)(?:/+(.*))?", re.DOTALL)
#: The user in a URL, also in one that stands behind s3://, with its password.
USER = re.compile(r"(?<=://)[^/]*@")
HIDDEN = "***"
REASON_LENGTH_MAX = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteAddress:
    """A repository's place: fsspec opens `url` with `options`.

    `shown` is the URL without its secrets, `name` its last part, `slug` a folder's name that no
    other URL has.
    """

    protocol: str
    url: str
    shown: str
    name: str
    slug: str
    options: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()

    @property
    def is_web(self) -> bool:
        """Whether folders are listed by pages, whose links are quoted."""
        return self.protocol in ("http", "https")

    @property
    def is_object_store(self) -> bool:
        """Whether one call lists a whole tree, and folders are no more than beginnings of names."""
        return self.protocol in OBJECT_STORES

    def told(self, error: BaseException) -> str:
        """What `error` says, without secrets and not at length."""
        return self.redacted(str(error) or type(error).__name__)[:REASON_LENGTH_MAX]

    def redacted(self, text: str) -> str:
        """`text` without the secrets of the URL, in one line."""
        for secret in self.secrets:
            text = text.replace(secret, HIDDEN)
        return " ".join(text.split())


def is_remote(repository: str) -> bool:
    """Whether a repository is named by a URL; otherwise it is a folder of this machine."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", repository) is not None


def read_url(url: str) -> RemoteAddress:
    """Takes `url` apart. Raises RepositoryError if it names no place."""
    scheme, _, rest = url.partition("://")
    protocol = scheme.lower()
    if protocol in ("http", "https"):
        return _web(url)
    # fsspec's other protocols (sftp, ftp, ...) may have a password before the host.
    user = next(iter(USER.findall(url)), "")
    shown = USER.sub("", f"{protocol}://{rest}").partition("?")[0].rstrip("/")
    options = {}
    if protocol in ("s3", "s3a") and (found := STORE_HOST.fullmatch(rest) or STORE_URL.match(rest)):
        options["endpoint_url"] = f"{found[1] or 'http'}://{found[2]}"
        protocol, path = "s3", found[3] or ""
        wanted = "s3://HOST:PORT/BUCKET/PATH"
    elif protocol == "as":
        account, _, path = rest.partition("/")
        options["account_name"] = account.partition(".")[0]  # some name it by its host
        protocol, wanted = "abfs", "as://ACCOUNT/CONTAINER/PATH"
    else:
        path, wanted = rest, f"{protocol}://PLACE/PATH"
    parts = [part for part in path.split("/") if part]
    if not parts or "\0" in path:
        raise RepositoryError(f"The repository {shown!r} names no place: wanted {wanted}.")
    is_rooted = path.startswith("/") or protocol in ("file", "local")
    return RemoteAddress(
        protocol=protocol,
        url=f"{protocol}://{'/' if is_rooted else ''}{'/'.join(parts)}",
        shown=shown,
        name=_name(parts[-1]),
        slug=_slug(USER.sub("", f"{protocol}://{rest.rstrip('/')}")),
        options=options,
        secrets=_secrets(user),
    )


def _web(url: str) -> RemoteAddress:
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        has_host = False
    if not has_host:
        raise RepositoryError("A repository's URL names no host: wanted https://HOST/PATH.")
    user, at, host = parts.netloc.rpartition("@")
    path = "".join(f"/{part}" for part in parts.path.split("/") if part)
    shown = f"{parts.scheme}://{host}{path}"
    if parts.query or parts.fragment:
        raise RepositoryError(
            f"The repository {shown} has a query: wanted the address of a folder alone."
        )
    return RemoteAddress(
        protocol=parts.scheme,
        url=f"{parts.scheme}://{user}{at}{host}{path}",
        shown=shown,
        name=_name(unquote(path.rpartition("/")[2])),
        slug=_slug(shown),
        secrets=_secrets(user + at),
    )


def _secrets(user: str) -> tuple[str, ...]:
    """What nobody is to be shown of `user`, USER:PASSWORD@."""
    password = user.partition(":")[2].removesuffix("@")
    return tuple(dict.fromkeys(s for s in (user, password, unquote(password)) if s))


def _name(last: str) -> str:
    return last if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", last) else "models"


def _slug(shown: str) -> str:
    return hashlib.sha256(shown.encode(errors="surrogateescape")).hexdigest()[:16]
