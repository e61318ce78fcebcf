"""When and how strictly: what a CI runs around the harness. Composes, holds no logic of its own."""
