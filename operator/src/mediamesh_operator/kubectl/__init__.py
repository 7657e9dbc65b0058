"""`kubectl mediamesh`: what runs where, how fast, and why something does not.

A plugin of kubectl is a program on the PATH, so this is a console script. It reads the cluster through kubectl
itself, with whatever context, credentials and proxy the person has; there is no second way to log in. Everything
but `client` is pure: objects in, lines out.
"""
