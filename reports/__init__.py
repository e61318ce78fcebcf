"""Stored runs into frames, charts and pages. Never meets a socket or a clock."""
