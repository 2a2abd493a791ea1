"""A run as a folder: tables written part by part, a manifest, and lazy reading."""
