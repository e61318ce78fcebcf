"""Names of files that say whose they are, whatever those are called."""

from __future__ import annotations

import hashlib
import re

#: The most characters of a name; file systems give 255 bytes, and an ending follows.
_MOST = 120


def file_name(*parts: str) -> str:
    """Parts joined by dashes, in letters, digits, dots and underscores.

    Where something had to go, a hash of it all stands behind, so that two names stay two.
    """
    made = [re.sub(r"[^A-Za-z0-9._]+", "-", part).strip("-.") for part in parts]
    name = "-".join(part for part in made if part)
    if made != list(parts) or len(name) > _MOST:
        hashed = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:8]
        name = f"{name[:_MOST]}-{hashed}".lstrip("-")
    return name
