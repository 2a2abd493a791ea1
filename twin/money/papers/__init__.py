"""What people see: receipts, statements, reports, signed meter data."""
