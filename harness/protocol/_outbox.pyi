"""The outbox in C, as a type checker sees it; ``harness.protocol.outbox`` says what it does."""

from harness.protocol.outbox import PyOutbox

class Outbox(PyOutbox): ...
