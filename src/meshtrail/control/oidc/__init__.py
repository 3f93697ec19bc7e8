"""Signing in through an identity provider: OpenID Connect, authorization code flow with PKCE.

*Settings* say which provider, which client, and which role a group leads to. The *provider* is asked over *fetch*: what it says of
itself, its *keys*, and for tokens. An *attempt* is a sign-in that was begun: its secrets travel sealed in a cookie of the browser
that began it. The *ID token* is checked by rules without any network; *claims* are what it says of a person.

`SignInElsewhere` joins them: `begin` leads to the provider, `finish` turns what comes back into a session.
"""
