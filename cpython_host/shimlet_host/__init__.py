"""The full node for Linux: configuration, identity, storage, wiring, web API and command line."""
