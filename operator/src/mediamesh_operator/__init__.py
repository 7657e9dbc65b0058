"""The operator: from objects in a cluster to one plan per node, and back to their status."""
