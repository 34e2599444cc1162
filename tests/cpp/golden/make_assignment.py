# SPDX-License-Identifier: Apache-2.0
"""Writes assignment.h: hashes and buckets of keys by Python's xxhash, for the tests of cpp/routing.

    python tests/cpp/golden/make_assignment.py           writes the file
    python tests/cpp/golden/make_assignment.py --check   writes nothing; exit status 1: it is stale

`hash_key` and `bucket_of` are all that another language needs to find a key's arm. Needs xxhash,
which only developers install.
"""

import argparse
import sys
from pathlib import Path

import xxhash

ASSIGNMENT_H = Path(__file__).parent / "assignment.h"

#: Lengths of keys: XXH3 has ways of its own up to 3, 8, 16, 128 and 240 bytes and beyond, and mixes
#: anew after blocks of 1024.
LENGTHS = (0, 1, 3, 4, 8, 9, 16, 17, 36, 64, 128, 129, 240, 241, 500, 1023, 1024, 1025, 5000)
SALTS = (0, 1, 0x0123456789ABCDEF, 2**64 - 1)
BUCKETS = 10_000

HEAD = """\
// SPDX-License-Identifier: Apache-2.0
// Written by make_assignment.py beside it: change that.
#pragma once

#include <cstddef>
#include <cstdint>

// What Python's xxhash makes of keys. The letters of a key count on: abc...zabc...
namespace penstock::golden {

struct Assignment {
  std::uint64_t salt;
  std::size_t key_bytes;
  std::uint64_t hash;
  std::uint32_t bucket;
};

inline constexpr Assignment kAssignments[] = {
"""
TAIL = """\
};

}  // namespace penstock::golden
"""


def hash_key(salt: int, key: bytes) -> int:
    """What `routing::hash_key` gives."""
    digest: int = xxhash.xxh3_64_intdigest(key, salt)
    return digest


def bucket_of(digest: int) -> int:
    """What `routing::bucket_of` gives."""
    return digest * BUCKETS >> 64


def text() -> str:
    """The whole file."""
    lines = []
    for salt in SALTS:
        for length in LENGTHS:
            digest = hash_key(salt, bytes(ord("a") + i % 26 for i in range(length)))
            lines.append(f"    {{{salt:#x}, {length}, {digest:#018x}, {bucket_of(digest)}}},\n")
    return HEAD + "".join(lines) + TAIL


def main() -> int:
    """The command line. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    if not parser.parse_args().check:
        ASSIGNMENT_H.write_text(text())
        return 0
    return 0 if ASSIGNMENT_H.read_text() == text() else 1


if __name__ == "__main__":
    sys.exit(main())
