# SPDX-License-Identifier: Apache-2.0
"""The secrets that sign forced arms, each in a file of its own."""

from collections.abc import Iterable
from pathlib import Path

from penstock.errors import OptionsError

__all__ = ["SECRET_BYTES_MIN", "read_force_keys"]

#: Shorter ones can be guessed.
SECRET_BYTES_MIN = 16
SECRET_BYTES_MAX = 4096


def read_force_keys(options: Iterable[str]) -> dict[str, str]:
    """By name, of options NAME=FILE. Space at a file's end is no part of its secret.

    Raises:
        OptionsError: one is malformed, cannot be read, or is too short.
    """
    secrets: dict[str, str] = {}
    for option in options:
        name, mark, file = option.partition("=")
        if not (name and mark and file):
            raise OptionsError(f"--route-force-key wants NAME=FILE, found {option!r}.")
        if name in secrets:
            raise OptionsError(f"--route-force-key has {name!r} twice: wanted each name once.")
        try:
            secret = Path(file).read_bytes()[: SECRET_BYTES_MAX + 1].rstrip().decode()
        except OSError as error:
            raise OptionsError(
                f"--route-force-key {name}: {file} cannot be read: {error.strerror}."
            ) from None
        except UnicodeDecodeError:
            raise OptionsError(f"--route-force-key {name}: {file} holds no UTF-8 text.") from None
        if not SECRET_BYTES_MIN <= len(secret.encode()) <= SECRET_BYTES_MAX:
            raise OptionsError(
                f"--route-force-key {name}: wanted a secret of {SECRET_BYTES_MIN} to "
                f"{SECRET_BYTES_MAX} bytes, found {len(secret.encode())} in {file}."
            )
        secrets[name] = secret
    return secrets
