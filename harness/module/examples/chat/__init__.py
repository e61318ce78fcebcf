"""The chat of the quick start. The server's side is ``main``, a client ``client``."""

from . import main as main
