"""What a planner writes, and how it becomes a run."""
