"""When and how strictly: gate, budgets, publishing. Composes, and holds no logic of its own."""
