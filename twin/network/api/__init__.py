"""HTTP API of the central system."""
