"""Judging numbers. Pure: no clock, no socket, no file."""
