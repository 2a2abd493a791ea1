"""Integration: how the twin talks to chargers and to other operators."""
