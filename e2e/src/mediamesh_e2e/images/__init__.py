"""Container images without a container engine: Debian packages, wheels and files, written as OCI archives."""
