"""Bridges between mediamesh flows and files and protocols."""
