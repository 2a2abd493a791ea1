"""Passwords, certificates and who may connect: security profiles 0 to 3."""
