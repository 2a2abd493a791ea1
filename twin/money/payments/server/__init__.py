"""A loopback server that speaks Stripe's wire format over the bank: the official SDK runs against it unchanged."""
