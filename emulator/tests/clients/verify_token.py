"""Verifies an ID token as Google's library for Python does: verify_token.py TOKEN AUDIENCE CERTS_URL."""

import sys

import google.auth.transport.requests
import google.oauth2.id_token

token, audience, certs_url = sys.argv[1:]
request = google.auth.transport.requests.Request()
claims = google.oauth2.id_token.verify_token(
    token, request, audience=audience, certs_url=certs_url, clock_skew_in_seconds=10
)
print(claims["email"])
