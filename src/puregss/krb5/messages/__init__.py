"""RFC 4120 §5: the messages of Kerberos. Values on one side, octets on the other; the rest knows no DER."""
