"""Settings: what each part of a server gets of the configuration."""

from __future__ import annotations

from walkwire.account.accounts import AccountLimits
from walkwire.account.attempts import AttemptLimits
from walkwire.account.session import Lifetimes
from walkwire.config import Config
from walkwire.server.streams.levels import Levels
from walkwire.wire.limits import SESSION_TOKENS, Limits
from walkwire.wire.policy import Policies


def policies_of(config: Config) -> Policies:
    """Return who may send and join."""
    return Policies(
        config.policy_user,
        config.policy_channel,
        config.policy_client,
        config.policy_join,
        is_guarded=config.production,
        wraps=config.client_events == "wrapped",
    )


def levels_of(config: Config) -> Levels:
    """Return how much is kept of streams."""
    return Levels(config.history, config.user_history, SESSION_TOKENS * config.session_seconds)


def account_limits_of(config: Config) -> AccountLimits:
    """Return the limits of accounts."""
    attempts = AttemptLimits(
        config.login_failures,
        config.address_failures,
        config.registrations,
        config.resets,
        config.logins_at_once,
    )
    lifetimes = Lifetimes(
        config.token_seconds, config.access_seconds, config.refresh_seconds, config.user_sessions
    )
    return AccountLimits(
        attempts,
        config.login_queue,
        config.reset_queue,
        config.webhook_keys,
        lifetimes,
        config.password_length,
    )


def limits_of(config: Config) -> Limits:
    """Return the limits of connections."""
    return Limits(
        frame=config.frame_limit,
        public_frame=min(config.public_frame_limit, config.frame_limit),
        elements=config.element_limit,
        targets=config.target_limit,
        events=config.event_rate,
        bytes=config.byte_rate,
        joins=config.join_rate,
        burst=config.rate_burst,
        patience=config.rate_patience,
        user_share=config.rates_per_user,
        address_share=config.rates_per_address,
        unsent=config.queue_bound,
        ping=config.ping_seconds,
        pong=config.pong_seconds,
        message_seconds=config.message_seconds,
        first_seconds=config.anonymous_seconds,
        session_seconds=config.session_seconds,
        memory=config.memory_bound,
        user_connections=config.user_connections,
        address_connections=config.address_connections,
        anonymous_connections=config.anonymous_connections,
    )
