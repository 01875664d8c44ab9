"""The settings, described: for the reference page and for `securecontext` itself."""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from scp_server.config.fields import Setting, allowed, settings_list
from scp_server.domain.secrets import Secret

_HEAD: Final = """\
# Settings

<!-- Written by `scp_server.config.settings_page()`; a test keeps the two equal. -->

Settings are read once, at the start, from environment variables and from the TOML file that
`SCP_CONFIG_FILE` names; the environment wins. In the file a setting is spelled in small letters and
`__` is a table: `SCP_GOOGLE__CLIENT_ID` is `client_id` in `[google]`. A file that holds a secret
must not be open to everybody. An empty variable counts as not set.

An unknown `SCP_` variable is an error, so that a typing mistake cannot go unnoticed. Variables that
begin with `SCP_CLIENT__` belong to SDK, examples and tests; the server ignores them.

| variable | default | what it is |
| --- | --- | --- |
| `SCP_CONFIG_FILE` | none | A TOML file with settings. Takes a path. |
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingDescription:
    """One setting, in words. `default` is Markdown."""

    variable: str
    default: str
    takes: str
    description: str
    secret: bool


def describe() -> tuple[SettingDescription, ...]:
    """Every setting, in the order of the tree."""
    return tuple(
        SettingDescription(
            variable=setting.variable,
            default=_default(setting),
            takes=allowed(setting),
            description=setting.meta.description or "",
            secret=setting.kind is Secret,
        )
        for setting in settings_list()
    )


def settings_page() -> str:
    """The text of `docs/settings.md`."""
    rows = (
        f"| `{each.variable}` | {each.default} | {each.description} Takes {each.takes}. |\n"
        for each in describe()
    )
    return _HEAD + "".join(rows)


def _default(setting: Setting) -> str:
    extra: dict[str, Any] = setting.meta.extra or {}
    told: str | None = extra.get("default")
    if told is not None:
        return told
    return _spelled(setting.default)


def _spelled(value: object) -> str:
    if value is None or value == () or value is msgspec.NODEFAULT:
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"`{value}`"
