# SPDX-License-Identifier: Apache-2.0
"""A model's configuration and files as a client sent them, in place of the repository's.

The files are a model's own code and graphs: whoever may send them runs what they like in this
process. So they are taken only where `--allow-model-file-override` says so, only together with a
configuration, and never written outside the private folder that is made for them.
"""

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from penstock.control.parts import LoadWish
from penstock.errors import RepositoryError
from penstock.repository.config_file import WrittenConfig
from penstock.repository.config_json import config_from_json
from penstock.repository.layout import FoundModel, version_numbers

__all__ = [
    "NAME_BYTES_MAX",
    "Override",
    "check_files",
    "is_file_name",
    "read_override",
    "write_files",
]

#: Of a model's name, and of each part of a file's path: what file systems take.
NAME_BYTES_MAX = 255
#: Folders and the file's own name.
PATH_PARTS_MAX = 16
FILES_MAX = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """What stands in for a model's configuration, and for its files where there are any.

    `folder` is private to this override and holds nothing else; `drop` removes it.
    """

    written: WrittenConfig
    model: FoundModel | None = None
    folder: Path | None = None

    def drop(self) -> None:
        """Removes the files. Whoever has them open may go on reading."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


def read_override(wish: LoadWish, *, allows_files: bool, bytes_max: int) -> Override | None:
    """The override that `wish` brings, its files written down; None if it brings none.

    Raises RepositoryError if it is wrong or not allowed.
    """
    if wish.files:
        check_files(wish, allows_files=allows_files, bytes_max=bytes_max)
    if wish.config is None:
        return None
    written = config_from_json(wish.config)
    if written.config.name not in ("", wish.model):
        raise RepositoryError(
            f"the configuration is for a model {written.config.name!r}: wanted {wish.model!r}, or "
            "no name."
        )
    written.config.name = wish.model
    if not wish.files:
        return Override(written=written)
    root = Path(tempfile.mkdtemp(prefix="penstock-override-"))  # for this user alone
    override = Override(written=written, folder=root)
    folder = root / wish.model
    try:
        write_files(folder, wish.files)
    except BaseException as error:
        override.drop()
        if isinstance(error, OSError):
            raise RepositoryError(f"the files cannot be written: {error.strerror}.") from None
        raise
    model = FoundModel(name=wish.model, folder=folder, versions=version_numbers(folder))
    return Override(written=written, model=model, folder=root)


def check_files(wish: LoadWish, *, allows_files: bool, bytes_max: int) -> None:
    """Raises RepositoryError unless the files of `wish` may be written down."""
    if not allows_files:
        raise RepositoryError(
            "this server takes no model files from clients: --allow-model-file-override permits it."
        )
    if wish.config is None:
        raise RepositoryError("files were sent without a configuration: wanted `config` as well.")
    if not is_file_name(wish.model):
        raise RepositoryError(f"{wish.model!r} cannot be a folder's name.")
    if len(wish.files) > FILES_MAX:
        raise RepositoryError(f"{len(wish.files)} files were sent: wanted at most {FILES_MAX}.")
    size = sum(len(content) for content in wish.files.values())
    if size > bytes_max:
        raise RepositoryError(
            f"the files have {size} bytes: wanted at most {bytes_max}, by "
            "--model-file-override-bytes-max."
        )
    for path in wish.files:
        parts = path.split("/")
        if len(parts) > PATH_PARTS_MAX or not all(is_file_name(part) for part in parts):
            raise RepositoryError(
                f"file {path!r} is not below the model's folder: wanted a path such as "
                "1/model.onnx, without . and .."
            )
        above = ("/".join(parts[:i]) for i in range(1, len(parts)))
        if clash := next((folder for folder in above if folder in wish.files), None):
            raise RepositoryError(f"{clash!r} is sent as a file, and as the folder of {path!r}.")


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes `files`, whose paths were checked, below `folder`, which is new."""
    folder.mkdir()
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            file.write(content)


def is_file_name(name: str) -> bool:
    """Whether `name` can be a file's, in any folder."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return False
    is_plain = name not in ("", ".", "..") and not any(c in name for c in "/\\\0")
    return is_plain and size <= NAME_BYTES_MAX
