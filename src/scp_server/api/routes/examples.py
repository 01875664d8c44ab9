"""Examples: the guide's own requests and answers, as the OpenAPI document shows them."""

from typing import Any, Final

STREAM_ID: Final = "stream-abc123"
_SESSION: Final = "your-session-id"
_MASKED: Final = "session-…Q3xw"
_CONFIGURATION: Final[dict[str, Any]] = {
    "batch_size": 100,
    "max_results": 1000,
    "real_time": True,
    "rate_limit_per_minute": 60,
    "include_raw": False,
    "filters": {"query": "is:unread", "label_ids": ["INBOX"]},
}

START: Final[dict[str, Any]] = {
    "session_id": _SESSION,
    "stream_type": "gmail_messages",
    "batch_size": 100,
    "max_results": 1000,
    "filters": {"query": "is:unread", "label_ids": ["INBOX"]},
    "real_time": True,
    "rate_limit_per_minute": 60,
}
STARTED: Final[dict[str, Any]] = {
    "stream_id": STREAM_ID,
    "session_id": _SESSION,
    "stream_type": "gmail_messages",
    "provider": "google",
    "configuration": _CONFIGURATION,
}
STATUS: Final[dict[str, Any]] = {
    "stream_id": STREAM_ID,
    "status": "active",
    "state_reason": "backfilling",
    "items_streamed": 250,
    "items_read": 300,
    "started_at": 1640995200.0,
    "last_activity": 1640995800.0,
    "last_checked_at": 1640995790.0,
    "next_check_at": None,
    "lag_seconds": None,
    "error": None,
    "agent_id": "inbox-helper",
    "agent_verified": False,
    "configuration": {
        **_CONFIGURATION,
        "stream_type": "gmail_messages",
        "session_id": _SESSION,
        "provider": "google",
    },
    "cursor": "c1.4mT0…",
}
STOPPED: Final[dict[str, Any]] = {"stream_id": STREAM_ID, "status": "stopped"}
STREAMS: Final[dict[str, Any]] = {
    "streams": {
        STREAM_ID: {
            "stream_type": "gmail_messages",
            "session_id": _SESSION,
            "provider": "google",
            "started_at": 1640995200.0,
            "items_streamed": 250,
            "status": "active",
            "state_reason": "backfilling",
            "last_activity": 1640995800.0,
        }
    },
    "total_count": 1,
    "websocket_statistics": {"active_connections": 3},
}
OPEN: Final[dict[str, Any]] = {
    "provider": "google",
    "stream_types": ["gmail_messages", "calendar_events"],
    "agent_id": "inbox-helper",
}
OPENED: Final[dict[str, Any]] = {
    "session_id": "session-…",
    "authorization_url": "https://scp.example/oauth/google/login?request=VbHq3…",
    "expires_at": 1640995800.0,
}
EXCHANGE: Final[dict[str, Any]] = {"code": "q0S7…"}
TICKET: Final[dict[str, Any]] = {"ticket": "ticket-9cK2…", "expires_at": 1640995230.0}
HANDED_OVER: Final[dict[str, Any]] = {"session_id": "session-…"}
SESSION: Final[dict[str, Any]] = {
    "session_id": _MASKED,
    "provider": "google",
    "state": "active",
    "account": "sender@example.com",
    "scopes": ["openid", "https://www.googleapis.com/auth/gmail.readonly"],
    "stream_types": ["gmail_messages"],
    "agent_id": "inbox-helper",
    "agent_verified": False,
    "created_at": 1640995200.0,
    "expires_at": 1643587200.0,
    "authorization_url": None,
}
ENDED: Final[dict[str, Any]] = {"state": "ended", "provider_revocation": "requested"}
AUDIT: Final[dict[str, Any]] = {
    "entries": [
        {
            "at": 1640995260.25,
            "action": "delivered",
            "actor": "agent:inbox-helper",
            "result": "ok",
            "stream_id": STREAM_ID,
            "stream_type": "gmail_messages",
            "items": 100,
            "bytes": 182044,
            "session": None,
        },
        {
            "at": 1640995200.0,
            "action": "consent.granted",
            "actor": "user",
            "result": "ok",
            "stream_id": None,
            "stream_type": None,
            "items": 0,
            "bytes": 0,
            "session": None,
        },
    ],
    "cursor": None,
}
PROVIDERS: Final[dict[str, Any]] = {
    "providers": {
        "google": {
            "configured": True,
            "missing": [],
            "stream_types": {
                "gmail_messages": True,
                "gmail_threads": False,
                "calendar_events": True,
                "contacts": False,
                "files": False,
            },
        },
        "microsoft": {
            "configured": False,
            "missing": ["SCP_MICROSOFT__CLIENT_ID", "SCP_MICROSOFT__CLIENT_SECRET"],
            "stream_types": {
                "outlook_messages": False,
                "outlook_events": False,
                "contacts": False,
                "files": False,
            },
        },
    }
}
CREATE_AGENT: Final[dict[str, Any]] = {
    "name": "inbox-helper",
    "stream_types": ["gmail_messages", "calendar_events"],
    "expires_at": 1672531200.0,
}
AGENT_CREATED: Final[dict[str, Any]] = {
    "name": "inbox-helper",
    "agent_key": "agent-…",
    "expires_at": 1672531200.0,
}
AGENTS: Final[dict[str, Any]] = {
    "agents": [
        {
            "name": "inbox-helper",
            "agent_key": "agent-…9fQ2",
            "state": "active",
            "stream_types": ["calendar_events", "gmail_messages"],
            "opens_sessions": True,
            "sessions": 12,
            "created_at": 1640995200.0,
            "expires_at": 1672531200.0,
            "revoked_at": None,
        }
    ]
}
AGENT_REVOKED: Final[dict[str, Any]] = {
    "name": "inbox-helper",
    "state": "revoked",
    "closed_connections": 2,
}
HEALTH: Final[dict[str, Any]] = {"status": "ok"}
