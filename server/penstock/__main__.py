# SPDX-License-Identifier: Apache-2.0
"""`python -m penstock` is the `penstock` command."""

from penstock.cli import main

main()
