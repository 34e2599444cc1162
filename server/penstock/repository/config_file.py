# SPDX-License-Identifier: Apache-2.0
"""A model's config.pbtxt, read."""

from dataclasses import dataclass
from pathlib import Path

from google.protobuf import text_format

from penstock.errors import RepositoryError
from penstock.repository.layout import CONFIG_FILE, FoundModel
from penstock_client._proto.model_config_pb2 import ModelConfig

__all__ = ["CONFIG_BYTES_MAX", "ModelConfig", "WrittenConfig", "parse_config", "read_config"]

NOT_WRITTEN = -(2**31)
#: Of a file or of what a client loads with; the largest seen have some hundred KiB.
CONFIG_BYTES_MAX = 4 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenConfig:
    """A configuration, and whether it says anything about the batch size.

    In protobuf 0 and nothing are the same; for us `max_batch_size: 0` is a wish not to batch, and
    silence leaves the size to the model's graph.

    `folder`: where the files lie that it names, such as those of labels; None: the model's folder.
    """

    config: ModelConfig
    has_batch_size: bool
    folder: Path | None = None


def read_config(model: FoundModel) -> WrittenConfig:
    """The configuration of `model`; an empty one with its name if it has none.

    Raises RepositoryError if the file cannot be read or parsed, or names another model.
    """
    path = model.config_path
    if path is None:
        return WrittenConfig(config=ModelConfig(name=model.name), has_batch_size=False)
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(CONFIG_BYTES_MAX + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise RepositoryError(f"{CONFIG_FILE} cannot be read: {error}.") from None
    written = parse_config(text)
    if written.config.name not in ("", model.name):
        raise RepositoryError(
            f"{CONFIG_FILE} is for a model {written.config.name!r}, but its folder is called "
            f"{model.name!r}. Rename one, or leave the name out."
        )
    written.config.name = model.name
    return written


def parse_config(text: str) -> WrittenConfig:
    """Parses text protobuf. RepositoryError says line, column and reason."""
    if len(text) > CONFIG_BYTES_MAX:
        raise RepositoryError(
            f"{CONFIG_FILE} has more than {CONFIG_BYTES_MAX} characters: wanted at most that many."
        )
    config = ModelConfig(max_batch_size=NOT_WRITTEN)
    try:
        text.encode()  # half a surrogate pair would break protobuf's own look-ups
        text_format.Merge(text, config)  # like Parse, but a field may have a value already
    except (text_format.ParseError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise RepositoryError(f"{CONFIG_FILE} is not a model configuration: {reason}.") from None
    has_batch_size = config.max_batch_size != NOT_WRITTEN
    if not has_batch_size:
        config.max_batch_size = 0
    return WrittenConfig(config=config, has_batch_size=has_batch_size)
