"""Messages between the parts of mediamesh."""
