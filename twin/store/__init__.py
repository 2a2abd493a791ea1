"""What must survive a crash: one SQL store, and the journal on it."""
