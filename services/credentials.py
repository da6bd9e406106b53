"""Every password and key of one installation, derived from one secret, so that nothing else needs storing."""

import base64
import hashlib
import hmac
import secrets
from typing import Final

SHORTEST_SECRET: Final = 32
_SCRAM_ITERATIONS: Final = 4096  # PostgreSQL's own default; our passwords are 256 random bits, not words


class WeakSecretError(ValueError):
    """COMMONGROUND_SECRET is missing or too short."""


def checked(secret: str) -> str:
    """Return `secret` if it is long enough. Raises WeakSecretError."""
    if len(secret) < SHORTEST_SECRET:
        raise WeakSecretError(
            f"COMMONGROUND_SECRET must have at least {SHORTEST_SECRET} characters; this has {len(secret)}. "
            "Make one with: openssl rand -hex 32"
        )
    return secret


def derive(secret: str, purpose: str) -> str:
    """Return the key for `purpose` (a role's name, `token`), as 64 hexadecimal digits. None tells another."""
    return hmac.new(checked(secret).encode(), purpose.encode(), hashlib.sha256).hexdigest()


def token_secret(secret: str) -> str:
    """Return the key that signs bearer tokens."""
    return derive(secret, "token")


def scram_verifier(password: str) -> str:
    """Return what PostgreSQL stores for an ASCII `password`: sent in its place, so that no log of the server holds it."""
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _SCRAM_ITERATIONS)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    stored, server = (base64.b64encode(key).decode() for key in (hashlib.sha256(client_key).digest(), server_key))
    return f"SCRAM-SHA-256${_SCRAM_ITERATIONS}:{base64.b64encode(salt).decode()}${stored}:{server}"
