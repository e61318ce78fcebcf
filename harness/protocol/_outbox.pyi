"""The outbox in C, as a type checker sees it; ``harness.protocol.outbox`` says what it does.

``columns`` is explained in ``harness.protocol.alike``.
"""

from harness.protocol.outbox import PyOutbox

class Outbox(PyOutbox): ...

def columns(
    payload: bytes, start: int, size: int, row_at: int, row_size: int, /
) -> tuple[list[int], bytes, bytes] | None: ...
