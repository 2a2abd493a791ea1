"""The central system: what real and virtual chargers connect to."""
