"""Building images: a directory and a text go in, an OCI layout, a log and an outcome come out."""
