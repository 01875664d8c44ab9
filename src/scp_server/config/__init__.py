"""Settings: read once, at the start, and handed down as plain values."""

from scp_server.config.describe import SettingDescription, describe, settings_page
from scp_server.config.faults import ConfigError
from scp_server.config.load import load, with_port
from scp_server.config.operator_key import operator_key
from scp_server.config.provider_settings import GoogleSettings, MicrosoftSettings
from scp_server.config.settings import (
    AlarmSettings,
    LimitSettings,
    LogFormat,
    LogLevel,
    Quotas,
    Settings,
    WindowSettings,
)

__all__ = [
    "AlarmSettings",
    "ConfigError",
    "GoogleSettings",
    "LimitSettings",
    "LogFormat",
    "LogLevel",
    "MicrosoftSettings",
    "Quotas",
    "SettingDescription",
    "Settings",
    "WindowSettings",
    "describe",
    "load",
    "operator_key",
    "settings_page",
    "with_port",
]
