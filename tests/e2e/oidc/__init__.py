"""Signing in through a certified OpenID Connect provider, which node runs."""
