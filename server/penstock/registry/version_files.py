# SPDX-License-Identifier: Apache-2.0
"""Single files of a registered version, without the rest of them."""

import json
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from penstock.errors import PackageError, RegistryError
from penstock.package.manifest import MANIFEST_FILE, Manifest, manifest_from
from penstock.package.signature import SIGNATURE_FILE, ModelSignature, signature_from
from penstock.registry.entries import VersionEntry
from penstock.registry.registry import Registry
from penstock.registry.store_reasons import store_reason

__all__ = ["LINEAGE_FILE", "VersionFiles"]

LINEAGE_FILE = "lineage.json"
#: Of a file that is read here: documents, never models.
BYTES_MAX = 64 << 20


class VersionFiles:
    """What stands at the top of a version's files. Methods block.

    Raises RegistryError wherever the store of the files cannot be used.
    """

    def __init__(self, registry: Registry, version: VersionEntry) -> None:
        self._registry = registry
        self._version = version
        self._label = f"version {version.version} of {version.name!r}"

    @cached_property
    def sizes(self) -> dict[str, int | None]:
        """Bytes by name, of the files that there are; None: the store does not say."""
        listed = self._asked(self._store.list_artifacts, "")
        return {one.path: one.file_size for one in listed if not one.is_dir}

    def text(self, name: str) -> str | None:
        """What a file holds; None: there is no such file."""
        if name not in self.sizes:
            return None
        if (size := self.sizes[name] or 0) > BYTES_MAX:
            raise RegistryError(
                f"{name} of {self._label} has {size} bytes: wanted {BYTES_MAX} at most."
            )
        with TemporaryDirectory(prefix="penstock-registry-") as folder:
            path = self._asked(self._store.download_artifacts, name, folder)
            return str(self._asked(Path(path).read_text, encoding="utf-8"))

    def document(self, name: str) -> dict[str, Any]:
        """A file of JSON; empty: there is no such file."""
        text = self.text(name)
        try:
            told = json.loads(text) if text is not None else {}
        except (ValueError, RecursionError) as error:
            raise RegistryError(f"{name} of {self._label} is not JSON: {error}.") from None
        if not isinstance(told, dict):
            raise RegistryError(f"{name} of {self._label} is no JSON object.")
        return told

    def signature(self) -> ModelSignature | None:
        """None: it has none, as of a version that Penstock did not make."""
        if (text := self.text(SIGNATURE_FILE)) is None:
            return None
        try:
            return signature_from(text, f"{SIGNATURE_FILE} of {self._label}")
        except PackageError as error:
            raise RegistryError(str(error)) from None

    def manifest(self) -> Manifest | None:
        """None: it is no package."""
        if (text := self.text(MANIFEST_FILE)) is None:
            return None
        try:
            return manifest_from(text.encode(), Path(self._version.source))
        except PackageError as error:
            raise RegistryError(f"The manifest of {self._label} is wrong: {error}") from None

    @cached_property
    def _store(self) -> Any:
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        version, registry = self._version, self._registry
        ask = registry.client.get_model_version_download_uri
        source = registry.asked(ask, version.name, str(version.version))
        uri = registry.place.uri
        return self._asked(get_artifact_repository, source, tracking_uri=uri, registry_uri=uri)

    def _asked(self, call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        try:
            return self._registry.asked(call, *arguments, **named)
        except RegistryError:
            raise
        except Exception as error:  # each kind of store has its own
            raise RegistryError(
                f"The files of {self._label} cannot be read: {store_reason(error)}."
            ) from None
