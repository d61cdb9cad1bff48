// Package rtrcache is a small RPKI cache: it serves validated ROA payloads to routers and monitors over the RPKI-to-Router protocol,
// versions 0 (RFC 6810) and 1 (RFC 8210), and lets its owner change them while routers are connected. It validates nothing: the
// payloads are what the owner says. It is made for demonstrations and tests, over plain TCP.
package rtrcache
