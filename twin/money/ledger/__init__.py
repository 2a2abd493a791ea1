"""The books in memory and in a database."""
