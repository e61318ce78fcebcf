"""A small game with a world that ticks. The server's side is ``main``, a client ``client``."""

from . import main as main
