"""Prices of sessions: pure, exact, one rounding."""
