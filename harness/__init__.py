"""The instrument: measures SpacetimeDB servers and clients, and says how much a number is worth.

Importing this package is cheap: nothing below it is loaded until it is used.
"""

from __future__ import annotations

__version__ = "0.1.0"
