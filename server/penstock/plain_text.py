# SPDX-License-Identifier: Apache-2.0
"""Text from elsewhere, made fit for a terminal or a line of a log.

A name that a client or a file brings could otherwise begin a line of its own, or command the
terminal that shows it.
"""

import json

__all__ = ["escaped", "is_plain", "sayable"]


def is_plain(text: str) -> bool:
    """Whether every character of `text` is seen as itself, on one line."""
    return text.isprintable()


def sayable(text: str) -> str:
    """`text` with what is no Unicode written out, such as a file's name that is no UTF-8."""
    return text.encode(errors="backslashreplace").decode()


def escaped(text: str, *, keeps: str = "") -> str:
    """`text` with what is not plain written as JSON writes it, but for the characters `keeps`."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keeps else json.dumps(c)[1:-1] for c in text)
