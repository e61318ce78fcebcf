"""Bytes ⇄ values, pure: types, codecs, row lists, schemas, messages, compression."""
