"""Limits of what identity providers send, with their units and reasons."""

FETCH_S = 5
"""Time of one request to the provider, from its first to its last byte: a person waits for it."""

ANSWER_BYTES_MAX = 256 * 1024
"""An answer of the provider. Its description has some kilobytes, its keys a few more when they come with certificates."""

KEYS_MAX = 64
"""Keys of a provider: large ones publish less than ten; the rest of a longer list is not looked at."""

RSA_BITS_MIN = 2_048
"""RSA keys below it are broken, or soon (RFC 7518, 3.3)."""

RSA_BITS_MAX = 8_192
"""RSA keys above it cost much time to check and are used by nobody."""

ID_TOKEN_BYTES_MAX = 64 * 1024
"""An ID token; one with two hundred groups has about ten kilobytes."""

METADATA_LIFE_S = 3_600
"""Time for which the provider's description of itself is believed."""

KEYS_LIFE_S = 3_600
"""Time for which its keys are believed: a key that it withdraws is refused after that at the latest."""

KEYS_REFRESH_S = 10
"""Least age at which keys are fetched again for the sake of a key that is not among them."""

FAILED_AGAIN_S = 5
"""Time for which a provider that did not answer is not asked again: everybody who signs in would wait for it."""

LEEWAY_S = 60
"""Difference between the provider's clock and ours."""

ATTEMPT_S = 600
"""Time from the sign-in page to the provider and back, with a password to find and a second factor."""

ATTEMPTS_USED_MAX = 10_000
"""Attempts that are remembered as used, so that none works twice; each is forgotten after `ATTEMPT_S`."""

NEXT_CHARACTERS_MAX = 1_000
"""Path to return to; it travels in a cookie, and cookies end at 4,096 bytes."""

EXCHANGES_MAX = 4
"""Requests of sign-ins to the provider at the same time, each in a thread."""

EXCHANGES_WAITING_MAX = 64
"""Sign-ins that wait for one of them; the next one is told to try again."""

SHOWN_CHARACTERS_MAX = 200
"""Text of the provider that is shown or kept of an error."""

assert FETCH_S * 3 < ATTEMPT_S
