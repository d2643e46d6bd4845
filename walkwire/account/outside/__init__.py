"""Outside: users of OpenID Connect providers: their tokens verified, and single sign-on for browsers."""
