"""A sandboxed Microsoft: the identity platform and Graph, beside the sandboxed Google."""
