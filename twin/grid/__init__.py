"""The feeder: models, profiles, power flow, limits."""
