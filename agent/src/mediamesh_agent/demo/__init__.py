"""The demo: a real film through one connection to five sinks, to watch, to kill and to check."""
