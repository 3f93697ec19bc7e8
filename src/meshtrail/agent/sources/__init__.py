"""Where records come from. Each source owns its sockets and nothing else."""
