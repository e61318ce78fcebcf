"""Keeping: stored runs are appended, never changed."""
