"""Benchmarks: puregss and python-gssapi over MIT krb5, taking turns on the same work."""
