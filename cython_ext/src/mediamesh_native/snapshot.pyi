"""The engine's state as plain values, for the hub that takes over. Nothing here is callable from Python."""
