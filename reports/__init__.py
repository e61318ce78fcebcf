"""Stored figures → what people read. Never meets a socket or a clock."""
