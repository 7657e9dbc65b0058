"""The product as a cluster has it: its images, its chart installed, and applications that count what they receive.

`images` makes what the chart names, of the distributions of this checkout. `chart` installs, upgrades and removes the
release as a user does, by helm. `applications` are pods on the SDK image: a source whose every frame can be told from
every other, and a sink that says what came, what is missing and what is not as it was sent.
"""
