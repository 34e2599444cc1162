# SPDX-License-Identifier: Apache-2.0
"""A model configuration written as JSON, in protobuf's own mapping: what a client loads with."""

import json

from google.protobuf import json_format

from penstock.errors import RepositoryError
from penstock.repository.config_file import WrittenConfig
from penstock_client._proto.model_config_pb2 import ModelConfig

__all__ = ["config_from_json"]


def config_from_json(text: str) -> WrittenConfig:
    """The configuration that `text` writes. Raises RepositoryError with what is wrong in it."""
    config = ModelConfig()
    try:
        found = json.loads(text)
        json_format.ParseDict(found, config)
    except (ValueError, TypeError, AttributeError, RecursionError, json_format.ParseError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise RepositoryError(
            f"The configuration is not a model configuration: {reason}."
        ) from None
    sizes = (found.get(name) for name in ("max_batch_size", "maxBatchSize"))
    return WrittenConfig(config=config, has_batch_size=any(size is not None for size in sizes))
