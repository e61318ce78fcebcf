"""A program's own token, kept between its runs: ``CredentialsFile("chat")``."""

from __future__ import annotations

import json
import os
import re
import tempfile
from pathlib import Path

from harness.client.credentials import checked
from harness.errors import StoreError


class CredentialsFile:
    """A file for one token, for the user's eyes only (mode 0600, in a folder of mode 0700).

    It lies in ``~/.spacetimedb_client_credentials`` unless ``folder`` is given. Tokens of one
    server are worth nothing at another: give each server and database its own ``name``. The token
    stands in no ``repr``, message or log.
    """

    def __init__(self, name: str, folder: Path | None = None) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}", name):
            raise ValueError(f"a name of letters, digits, '.', '_' and '-', not {name!r}")
        self._path = (folder or Path.home() / ".spacetimedb_client_credentials") / f"{name}.json"

    def __repr__(self) -> str:
        return f"CredentialsFile({str(self._path)!r})"

    def load(self) -> str | None:
        """The token that was saved, or None. Raises ``StoreError`` if the file cannot be used."""
        try:
            found = json.loads(self._path.read_text("utf-8"))
            token = found["token"]
            assert isinstance(token, str)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{self._path} cannot be read: {error.strerror}") from None
        except (ValueError, KeyError, TypeError, AssertionError):
            raise StoreError(f"{self._path} is damaged; delete it to get a new identity") from None
        return token

    def save(self, token: str | None) -> None:
        """Keep a token, in place of the one before. None keeps what is there.

        Raises ``StoreError`` if there is no room for it, ``PlanError`` if it is no token.
        """
        if token is None:
            return
        checked(token, "it cannot be kept: ")
        folder = self._path.parent
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(prefix=".new-", dir=folder)  # has mode 0600
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    json.dump({"token": token}, file)
                Path(name).replace(self._path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise StoreError(f"{self._path} cannot be written: {error.strerror}") from None
