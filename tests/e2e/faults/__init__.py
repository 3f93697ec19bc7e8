"""Faults of everything around the agent: each is counted, said, and survived. They run in `make test-all`."""
