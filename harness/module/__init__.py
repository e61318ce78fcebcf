"""Server modules in Python: tables and reducers declared as classes and functions."""
