"""What every event of a payment books, and whether the books are right."""
