# SPDX-License-Identifier: Apache-2.0
"""Signatures of manifests, by model-signing: an elliptic curve key, kept in a PEM file.

The manifest has the digests of all files, so that its signature is the whole package's. Whoever has
the library can check it without Penstock:

    model_signing verify key DIR/penstock-manifest.json --signature DIR/penstock-manifest.sig \\
        --public_key FILE

The library and what it brings take seconds to import and tens of MiB, and a server keeps what it
has imported. So it is imported by a short-lived process, which this module is as well.
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from penstock.errors import PackageError, UnsignedError
from penstock.package.manifest import MANIFEST_FILE, SIGNING_FILE

__all__ = ["check_signature", "is_signed", "sign_manifest"]

#: Seconds that the other process may take, imports included.
_SECONDS_MAX = 120
_SIGNATURE_BYTES_MAX = 1 << 20
_MISSING = 3


def is_signed(folder: Path) -> bool:
    """Whether the package in `folder` has a signature, right or wrong."""
    return (folder / SIGNING_FILE).exists()


def check_signature(folder: Path, manifest: bytes, public_keys: Sequence[Path]) -> None:
    """Raise UnsignedError unless the package in `folder`, whose manifest holds `manifest`, is
    signed with a key that belongs to one of `public_keys`.

    Raises PackageError if that cannot be found out.
    """
    signature = folder / SIGNING_FILE
    try:
        content = signature.read_bytes() if signature.is_file() else None
    except OSError as error:
        raise PackageError(f"{signature} cannot be read: {error.strerror or error}.") from None
    if content is None:
        raise UnsignedError(
            f"The package {folder} is not signed: wanted {SIGNING_FILE}, made with the key that "
            f"belongs to {_either(public_keys)}."
        )
    for key in public_keys:
        if not key.is_file():
            raise PackageError(f"The public key {key} is not there: wanted a PEM file.")
    if len(content) > _SIGNATURE_BYTES_MAX:
        raise UnsignedError(f"{signature} has {len(content)} bytes: it is no signature.")
    # What was read is checked, and not what somebody may put in its place meanwhile.
    with tempfile.TemporaryDirectory(prefix="penstock-signature-") as checked:
        place = Path(checked)
        (place / MANIFEST_FILE).write_bytes(manifest)
        (place / SIGNING_FILE).write_bytes(content)
        reason = _run("verify", place, public_keys)
    if reason is not None:
        raise UnsignedError(
            f"The signature of the package {folder} is not one of {_either(public_keys)}: {reason}."
        )


def _either(keys: Sequence[Path]) -> str:
    return " or ".join(map(str, keys))


def sign_manifest(folder: Path, private_key: Path) -> None:
    """Sign the manifest of the package in `folder` with an elliptic curve key.

    Raises:
        PackageError: the key cannot be used, or model-signing is not installed.
    """
    if not private_key.is_file():
        raise PackageError(f"The signing key {private_key} is not there: wanted a PEM file.")
    reason = _run("sign", folder.resolve(), [private_key])
    if reason is not None:
        raise PackageError(
            f"{folder} cannot be signed with {private_key}: {reason}. Wanted an EC key of curve "
            "P-256, P-384 or P-521 in PEM, without a passphrase."
        )


def _run(verb: str, folder: Path, keys: Sequence[Path]) -> str | None:
    """None, or why not. Raises PackageError if the library is missing."""
    # -P: a file of the current folder is no library.
    module = ["-P", "-m", "penstock.package.signing"]
    command = [sys.executable, *module, verb, *map(str, (folder, *keys))]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_SECONDS_MAX, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        return f"model-signing has not answered for {_SECONDS_MAX} s"
    if done.returncode == _MISSING:
        raise PackageError(
            "Signatures need model-signing, which is not installed: "
            "`pip install 'penstock[signing]'`."
        )
    if done.returncode == 0:
        return None
    lines = done.stderr.strip().splitlines() or [f"model-signing ended with {done.returncode}"]
    return lines[-1].rstrip(".")


def _sign(folder: Path, key: Path) -> None:
    from model_signing import signing

    config = signing.Config()  # type: ignore[no-untyped-call]
    config = config.use_elliptic_key_signer(private_key=key)
    config.sign(folder / MANIFEST_FILE, folder / SIGNING_FILE)


def _verify(folder: Path, key: Path) -> None:
    from model_signing import verifying

    config = verifying.Config()  # type: ignore[no-untyped-call]
    config = config.use_elliptic_key_verifier(public_key=key)
    config.verify(folder / MANIFEST_FILE, folder / SIGNING_FILE)


def _main(verb: str, folder: str, *keys: str) -> int:
    """Ends well if one of the keys does; imports the library once for all of them."""
    reasons: dict[str, None] = {}
    for key in keys:
        try:
            (_sign if verb == "sign" else _verify)(Path(folder), Path(key))
        except ImportError:
            return _MISSING
        except Exception as error:  # of cryptography, sigstore and pydantic alike
            reasons[" ".join(str(error).split()).rstrip(".") or type(error).__name__] = None
        else:
            return 0
    sys.stderr.write("; ".join(reasons))
    return 1


if __name__ == "__main__":
    raise SystemExit(_main(*sys.argv[1:]))
