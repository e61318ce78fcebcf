"""Clients that ``harness generate`` wrote, for the modules that are measured here.

Made again with ``harness generate -p harness.module.bench -o harness/bindings/bench``; a test holds
them to it.
"""
