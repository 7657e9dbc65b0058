"""The descriptors between a client and its hub."""

class Signals:
    """What wakes a client, and what wakes its hub."""

    closed: bool
