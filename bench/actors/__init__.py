"""The processes of a benchmark: sources, sinks, peers. Each module is a program that obeys commands on stdin."""
