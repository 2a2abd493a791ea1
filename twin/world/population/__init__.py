"""Who comes, when, for how long, and what they choose."""
