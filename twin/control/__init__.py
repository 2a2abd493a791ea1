"""Load management without I/O: who may charge, how much, and what the feeder allows."""
