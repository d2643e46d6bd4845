"""Headers: what every answer over HTTP tells browsers. Made once from the settings; uvicorn puts them before an answer's own."""

from __future__ import annotations

from walkwire.config import ANY, Config


def security_headers(config: Config) -> list[tuple[str, str]]:
    """Return the headers of every answer, for uvicorn's `headers`.

    - The type that an answer declares is final: a browser does not guess another one.
    - A page tells other sites its origin only, never its path or query.
    - Only pages of `frame_ancestors`, and of the server itself, may show an answer in a frame.
    - In production, browsers that reached the server over TLS keep to TLS for `hsts_seconds` (RFC 6797).
    """
    headers = [
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "strict-origin-when-cross-origin"),
    ]
    if ANY not in config.frame_ancestors:
        sources = " ".join(("'self'", *config.frame_ancestors))
        headers.append(("Content-Security-Policy", f"frame-ancestors {sources}"))
    if config.production and config.hsts_seconds:
        headers.append(("Strict-Transport-Security", f"max-age={config.hsts_seconds}"))
    return headers
