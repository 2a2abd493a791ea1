"""Virtual stations: the simulated physics behind an OCPP client."""
