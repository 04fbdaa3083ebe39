"""Clients of what tells who somebody is: OpenID Connect providers."""
