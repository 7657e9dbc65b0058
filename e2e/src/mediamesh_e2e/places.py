"""Where things lie: everything that is made or fetched is below one folder, which may be deleted at any time."""

from pathlib import Path

CACHE = Path.home() / ".cache" / "mediamesh" / "e2e"
SOURCES = Path(__file__).parents[2]  # the distribution folder: this package is never installed elsewhere
REPOSITORY = SOURCES.parent
