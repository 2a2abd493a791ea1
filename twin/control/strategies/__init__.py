"""How power is divided: one file per family, found by entry point."""
