"""Physics of chargers and batteries, and the vehicle catalogue."""
