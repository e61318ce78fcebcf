"""One connection without I/O: bytes and calls in, bytes and events out; for v1, v2 and v3."""
