# SPDX-License-Identifier: Apache-2.0
"""The evidence of a quantisation in one line. A server reads it at load: imports stay light."""

import json
from collections.abc import Mapping

__all__ = ["KIND", "evidence_line"]

#: What the JSON is about: other makers of artifacts may leave evidence of their own.
KIND = "quantization"


def evidence_line(evidence: str) -> str:
    """The choice in a line, as `penstock models` shows it; "" if this is no evidence of one."""
    try:
        read = json.loads(evidence)
        if not isinstance(read, Mapping) or read.get("kind") != KIND:
            return ""
        found = next(form for form in read["forms"] if form["form"] == read["chosen"])
        chosen = read["chosen"]
        made = "left in fp32" if chosen == "fp32" else f"quantised as {chosen}"
        return (
            f"{made}: {read['metric']} {found['metric']:.6g}, was "
            f"{read['baseline']:.6g}; {read['max_drop']:g} worse allowed; "
            f"{read['rows_judged']} rows of {read['data']}"
        )
    except (ValueError, KeyError, TypeError, StopIteration):
        return ""
