"""A complete GSS-API (RFC 2743) with Kerberos 5 in Python, whose security contexts move between processes."""
