"""Tests of one release. A package, since pytest ends what is of a package with its last test, and of a folder never."""
