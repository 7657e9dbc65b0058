"""Formats, kinds and the planner of mediamesh: pure, no I/O."""
