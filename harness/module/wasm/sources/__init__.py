"""The run-time library of compiled modules, in the language of ``lowlevel``. Never imported."""
