"""Where the tests get their cluster from: three sources behind one small interface.

=========== ========================================================== ===================================
`local`     builds and runs a cluster on this machine                   root on Linux; no container engine
`kind`      makes a cluster in containers                               Docker, `kind` and `kubectl`
`existing`  uses the cluster of `KUBECONFIG`                            `kubectl`; a registry for the images
=========== ========================================================== ===================================
"""
