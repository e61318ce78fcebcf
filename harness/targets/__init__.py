"""What can be measured: servers that we start, servers that run, peers."""
