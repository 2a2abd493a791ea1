"""What charging costs and who earns it."""
