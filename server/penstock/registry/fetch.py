# SPDX-License-Identifier: Apache-2.0
"""A registered version as a package on this machine, fetched once.

The process that speaks to MLflow is the one that a server follows its registry by. Packages lie in
the cache by their digests, models that MLflow has saved by what they were made of; each was put
there whole, by one rename, and is checked against its manifest whenever it is found there.
"""

import asyncio
import hashlib
import os
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from penstock import __version__
from penstock.errors import PackageError, RegistryError
from penstock.package.manifest import is_package
from penstock.package.verify import verify_package
from penstock.registry.place import RegistryPlace, check_reachable
from penstock.registry.process import FoundVersion, RegistryProcess

__all__ = ["fetch_package", "fetched_by", "package_cache"]

#: A fetch is as large as its disk allows.
BYTES_MAX = 1 << 62


def package_cache() -> Path:
    """Where fetched packages lie; what is there may be removed at any time."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "penstock" / "packages"


def fetch_package(
    place: RegistryPlace, name: str, which: str = "", *, allows_code: bool = False
) -> Path:
    """The package of a version: by its number, its alias, or the latest. One that MLflow has saved
    and Penstock has not is made a package; `allows_code`: by running the code that it brings.

    Raises:
        RegistryError: the registry cannot be used, lacks it, or it cannot become a package.
        PackageError: what was fetched is not what its manifest says.
    """
    check_reachable(place, creates=False)

    async def fetched() -> Path:
        process = RegistryProcess(place, allows_code=allows_code)
        try:
            return await fetched_by(process, name, which, package_cache())
        finally:
            process.close()

    return asyncio.run(fetched())


async def fetched_by(process: RegistryProcess, name: str, which: str, cache: Path) -> Path:
    """As fetch_package(), by a process that may be asked again."""
    found = await process.find(name, which)
    kept = cache / (found.digest or _plain_name(process, name, found))
    if is_package(kept):
        with suppress(PackageError):  # damaged here: fetched again
            verify_package(kept)
            return kept
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".fetching-", dir=cache) as partial:
            files = Path(partial, "files")
            files.mkdir()
            await process.fetch(name, found.version, files, BYTES_MAX)
            digest = verify_package(files).digest
            if found.digest and digest != found.digest:
                raise RegistryError(
                    f"Version {found.version} of {name} is not the package that was registered: "
                    "its digest is another."
                )
            _put(files, kept, Path(partial))
    except OSError as error:
        raise RegistryError(
            f"The cache {cache} cannot be written: {error.strerror or error}."
        ) from None
    return kept


def _plain_name(process: RegistryProcess, name: str, found: FoundVersion) -> str:
    """Of what a version is made into, which this Penstock does, and code may have had part in."""
    made_of = (
        process.shown, name, found.version, found.created_ms, __version__, process.allows_code
    )  # fmt: skip
    return hashlib.sha256(repr(made_of).encode()).hexdigest()


def _put(found: Path, kept: Path, partial: Path) -> None:
    """Moves a package to its place in the cache; a damaged one that is there makes room."""
    if kept.exists():
        kept.rename(partial / "damaged")
    try:
        found.rename(kept)
    except OSError:
        if not is_package(kept):  # somebody else has put it there in this moment
            raise
