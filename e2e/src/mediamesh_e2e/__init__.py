"""What the end-to-end tests stand on: a real Kubernetes, container images without Docker, and faults on demand.

Nothing in here is shipped. The tests get a cluster from one of three backends (`backends`): `local` builds and runs
one on this machine (`cluster`), `kind` and `existing` use what is there. Images (`images`) are made from Debian
packages and wheels, so that a machine without a container engine is enough.
"""
