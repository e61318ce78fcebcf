"""WebAssembly itself: an assembler, and a run-time library for compiled modules."""
