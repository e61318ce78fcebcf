"""A Python project on SpacetimeDB: how one begins, is recognised, configured and checked."""
