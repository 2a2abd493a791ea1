"""The chapters of a page, each a function from a run's tables to a `Section`."""
