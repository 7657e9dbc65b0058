"""The agent in a cluster: what is desired comes from the operator's stream, and the hub runs in a container of its own.

The only part of a node that speaks gRPC: to the operator, and to kubelet as a CSI driver.
"""
