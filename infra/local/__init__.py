"""The local stack: what the environment does not name, this machine provides."""
