"""Charging profiles: what several of them together allow at an instant. Pure."""
