"""Modules to read, to try and to start from; each is served and compiled as it stands."""
