"""memif, rings, frame pools and the fan-out engine of mediamesh.

The way of a frame through this package is told in docs/design/0001.
"""
