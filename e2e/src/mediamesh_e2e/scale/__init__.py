"""The operator at scale: agents and nodes that exist only for the API server, and a process to measure."""
