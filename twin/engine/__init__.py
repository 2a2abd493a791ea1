"""What moves a run: clock, ticks, visits."""
