"""Names of files and short names of things, the same each time."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

#: Digits of a commit that people are shown.
SHORT = 8
#: Characters of a name that its file keeps; what was left out is in the hash behind it.
_LONGEST = 80


@lru_cache(maxsize=1 << 16)
def slug(name: str) -> str:
    """A file's name for any text: lower-case letters, digits, ``-`` and ``.``, and a short hash.

    The hash tells apart what becomes the same, also on a file system that ignores case.
    """
    plain = re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-.")[:_LONGEST].strip("-.")
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=3).hexdigest()
    return f"{plain}-{digest}" if plain else digest


def suite(benchmark: str) -> str:
    """The part of a benchmark's name by which it is grouped: ``tables`` of ``tables.Insert.time``.

    Of a name without dots its first word.
    """
    head = benchmark.partition(".")[0] if "." in benchmark else benchmark
    return re.split(r"[-\s/:]", head, maxsplit=1)[0] or head or "other"
