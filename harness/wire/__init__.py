"""Bytes ⇄ values, pure: types, codecs, row lists, schema, messages of every protocol, compression."""
