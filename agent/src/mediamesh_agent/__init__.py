"""The agent and the hub of a mediamesh node."""
