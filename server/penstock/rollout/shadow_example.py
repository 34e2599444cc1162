# SPDX-License-Identifier: Apache-2.0
"""A pair of answers that a person may look at, as a value."""

import json
from dataclasses import dataclass
from typing import Any

__all__ = ["ShadowExample"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowExample:
    """A pair that did not agree, or of which one side alone failed.

    `shadow`: its name. `wall_ms`: since 1970, UTC. `pair_json`: the request's id, its inputs and
    both answers, as cpp/serving/shadow_examples.h writes them: without values of what is sensitive.
    """

    shadow: str
    wall_ms: int
    key_hash: int
    pair_json: str

    @property
    def pair(self) -> dict[str, Any]:
        """The JSON object."""
        read: dict[str, Any] = json.loads(self.pair_json)
        return read
