"""The suites that asv runs on another client's commits; ci/README.md tells how to point them."""
