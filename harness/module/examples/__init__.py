"""Projects to read, to try and to start from: each a module, its typed client, and how to run them.

Each is served and compiled as it stands; ``harness start harness.module.examples.chat``.
"""
