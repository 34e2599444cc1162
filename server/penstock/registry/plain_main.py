# SPDX-License-Identifier: Apache-2.0
"""`python -m penstock.registry.plain_main FOLDER NAME yes|no`: see `plain`.

Exits with 0, or with 1 and a sentence on standard output.
"""

import os
import sys
from pathlib import Path

from penstock.errors import PenstockError
from penstock.registry.plain import make_servable

__all__ = ["main"]


def main(folder: str, name: str, allows_code: str) -> int:
    """Make the folder's model servable; the exit status."""
    # What libraries print is no answer.
    answer = os.dup(1)
    os.dup2(2, 1)
    try:
        make_servable(Path(folder), name, allows_code=allows_code == "yes")
    except PenstockError as error:
        os.write(answer, str(error).encode())
        return 1
    except OSError as error:
        reason = error.strerror or str(error)
        os.write(answer, f"Its files cannot be read or written: {reason}.".encode())
        return 1
    except Exception as error:  # of whatever library reads the model
        os.write(answer, f"It cannot be read: {type(error).__name__}: {error}.".encode())
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
