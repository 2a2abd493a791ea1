"""Figures and pages, one module per reader."""
