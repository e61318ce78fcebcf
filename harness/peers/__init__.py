"""Other clients, each as a process that does our workload and tells what it cost."""
