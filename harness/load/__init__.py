"""Asking: when operations start, what they are, and who keeps them going."""
