"""What a virtual station can do beside charging: one part per concern."""
