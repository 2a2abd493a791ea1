"""What is simulated: cars, chargers and people."""
