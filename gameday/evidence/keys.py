"""Ed25519 keys (RFC 8032): made, kept as PKCS#8 PEM that only their owner reads, and named by a hash of their public
half."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from gameday.errors import CouldNotStart, could_not_start
from gameday.model.types import Reference

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


@dataclass(frozen=True)
class KeyFiles:
    """A new key: where its halves are, and its id."""

    private: Path
    public: Path
    ident: str


def new_key(folder: Path, name: str, passphrase: str | None = None) -> KeyFiles:
    """Make ``NAME.pem`` (mode 0600) and ``NAME.pub.pem``. CouldNotStart: KEY_NAME, KEY_EXISTS, CANNOT_WRITE."""
    if not NAME.fullmatch(name):
        raise could_not_start("KEY_NAME", f"{name!r} is no name for a key", "small letters, digits and hyphens")
    private, public = folder / f"{name}.pem", folder / f"{name}.pub.pem"
    key = Ed25519PrivateKey.generate()
    folder.mkdir(parents=True, exist_ok=True)
    _put(private, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, _encryption(passphrase)), 0o600)
    _put(public, public_pem(key.public_key()), 0o644)
    return KeyFiles(private, public, key_id(key.public_key()))


def _encryption(passphrase: str | None) -> KeySerializationEncryption:
    return BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()


def _put(path: Path, raw: bytes, mode: int) -> None:
    """Never over a file that is there: what an old key signed could not be checked any more."""
    try:
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), "wb") as file:
            file.write(raw)
    except FileExistsError as error:
        raise could_not_start("KEY_EXISTS", "there is a key of this name", "another --name or --out", path) from error


def read_private(path: Path, passphrase: str | None = None) -> Ed25519PrivateKey:
    """CouldNotStart KEY_UNREADABLE (never with what the file holds), KEY_NOT_ED25519, KEY_OPEN when others may read
    it."""
    try:
        raw, mode = path.read_bytes(), path.stat().st_mode
        found = load_pem_private_key(raw, passphrase.encode() if passphrase else None)
    except TypeError as error:
        what = "it is encrypted" if passphrase is None else "it is not encrypted, and a passphrase was given"
        write = "--passphrase-env NAME" if passphrase is None else "the command without a passphrase"
        raise _unreadable(path, what, write) from error
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        said = error.strerror if isinstance(error, OSError) else "no PEM of a private key, or another passphrase"
        raise _unreadable(path, str(said)) from error
    if mode & 0o077:
        raise could_not_start("KEY_OPEN", "others may read this private key", f"chmod 600 {path.name}", path)
    if not isinstance(found, Ed25519PrivateKey):
        raise _not_ed25519(path)
    return found


def read_public(path: Path) -> Ed25519PublicKey:
    """CouldNotStart KEY_UNREADABLE, KEY_NOT_ED25519."""
    try:
        return public_of(path.read_bytes())
    except OSError as error:
        raise _unreadable(path, str(error.strerror)) from error
    except ValueError as error:
        raise _not_ed25519(path) from error


def public_of(raw: bytes) -> Ed25519PublicKey:
    """The public key that this PEM holds; ValueError when it holds none, or not exactly as we write it."""
    try:
        found = load_pem_public_key(raw)
    except UnsupportedAlgorithm as error:
        raise ValueError("no key that is known here") from error
    if not isinstance(found, Ed25519PublicKey):
        raise ValueError("no Ed25519 key")
    if public_pem(found).split() != raw.split():
        raise ValueError("not the PEM of this key alone")
    return found


def public_pem(key: Ed25519PublicKey) -> bytes:
    """SubjectPublicKeyInfo as PEM."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def key_id(key: Ed25519PublicKey) -> str:
    """SHA-256 of its SubjectPublicKeyInfo in DER, hexadecimal: ``openssl pkey -pubin -outform DER | sha256sum``."""
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def salt_key(key: Ed25519PrivateKey) -> bytes:
    """A secret from which the salts of a bag are derived, so that the same key seals the same run to the same bytes;
    it tells nothing of the key."""
    raw = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    return HKDF(SHA256(), 32, None, b"gameday evidence salts 1").derive(raw)


def passphrase_of(reference: Reference | None, environ: Mapping[str, str], root: Path) -> str | None:
    """What the reference leads to. CouldNotStart SECRET_MISSING names the reference, never a value."""
    if reference is None:
        return None
    if reference.env:
        found, where = environ.get(reference.env, ""), f"the environment variable {reference.env}"
    else:
        path = root / Path(str(reference.file)).expanduser()
        found, where = path.read_text("utf-8") if path.is_file() else "", f"the file {reference.file}"
    if not found.strip():
        raise could_not_start("SECRET_MISSING", f"passphrase: {where} has no value", "set it, or name another")
    return found.strip()


def _unreadable(path: Path, what: str, write: str = "gameday keys new --name NAME") -> CouldNotStart:
    return could_not_start("KEY_UNREADABLE", f"this key cannot be read: {what}", write, path)


def _not_ed25519(path: Path) -> CouldNotStart:
    return could_not_start("KEY_NOT_ED25519", "this is no Ed25519 key", "a key of gameday keys new", path)
