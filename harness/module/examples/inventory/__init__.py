"""An inventory and views of it. The server's side is ``main``, a client ``client``."""

from . import main as main
