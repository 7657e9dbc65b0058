"""A thread that watches descriptors for those who sleep on a bell. Nothing here is for Python."""
