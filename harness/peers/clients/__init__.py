"""Adapters that come with the harness. Their clients are installed elsewhere; see ADAPTERS.md."""
