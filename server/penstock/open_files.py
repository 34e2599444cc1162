# SPDX-License-Identifier: Apache-2.0
"""How many files this process may have open: each connection is one."""

import resource

__all__ = ["allow_open_files"]


def allow_open_files(wanted: int) -> int:
    """Raises this process's own limit to `wanted`, as far as the system lets it; says what it is.

    Systems give programs few by default (1024), for the sake of some that cannot use more.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft == resource.RLIM_INFINITY or soft >= most:
        return wanted if soft == resource.RLIM_INFINITY else soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most
