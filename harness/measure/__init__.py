"""Noticing: raw integers while the load runs, everything else after it."""
