"""Code for clients: the schema of a module → a typed Python package.

``sources`` gives the schema's JSON, ``reading`` and ``checking`` what it means and what is wrong
with it, ``planning`` the names, ``rendering`` the text, ``placing`` the files.
"""
