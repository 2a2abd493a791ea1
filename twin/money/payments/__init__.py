"""Payment providers: simulated, and Stripe; webhooks and their inbox."""
