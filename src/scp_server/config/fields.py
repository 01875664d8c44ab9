"""The settings as a flat list: what each is called, what it takes, how a value becomes one."""

import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import msgspec

from scp_server.config.faults import ConfigError
from scp_server.config.settings import Settings
from scp_server.domain.secrets import Secret

PREFIX: Final = "SCP_"
SEPARATOR: Final = "__"
_UNION: Final = (Union, types.UnionType)
_SWITCH: Final = MappingProxyType({"on": True, "yes": True, "off": False, "no": False})
"""Besides true, false, 1 and 0."""
_KINDS: Final = MappingProxyType({bool: "true or false", Path: "a path", Secret: "a text"})
_FORMS: Final = MappingProxyType(
    {
        "url": "an https address (http only at a loopback host)",
        "origin": "origins with commas between",
        "return_to": "https addresses (http only at a loopback host) with commas between",
        "network": "addresses or networks with commas between",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting. `path` leads to it through the tree: ("google", "client_id")."""

    path: tuple[str, ...]
    kind: Any
    """Its type without None: str, int, float, bool, Path, Secret, tuple or a Literal."""
    meta: msgspec.Meta
    default: object
    """`msgspec.NODEFAULT` when it is derived from others."""

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return PREFIX + SEPARATOR.join(self.path).upper()

    @property
    def form(self) -> str | None:
        """What more must hold of its text: url, origin, return_to, network."""
        form: str | None = (self.meta.extra or {}).get("form")
        return form


def settings_list() -> tuple[Setting, ...]:
    """Every setting, in the order of the tree."""
    return tuple(_walk(Settings, ()))


def converted(setting: Setting, value: object, *, text: bool) -> object:
    """The value as the setting's type. `text`: it comes from the environment, as a string.

    Raises: ConfigError naming the variable and what it takes.
    """
    try:
        return _converted(setting, value, text=text)
    except msgspec.ValidationError:
        shown = "" if setting.kind is Secret else f", not {_shown(value)}"
        raise ConfigError(
            setting.variable, f"{setting.variable} must be {allowed(setting)}{shown}."
        ) from None


def allowed(setting: Setting) -> str:
    """What the setting takes, in words."""
    kind, meta = setting.kind, setting.meta
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(get_args(kind))
    if kind in _KINDS:
        return _KINDS[kind]
    if kind in (int, float):
        return ("a whole number" if kind is int else "a number") + _range(meta)
    if setting.form is not None:
        return _FORMS[setting.form]
    return "a text" + _size(meta)


def _walk(struct: type[msgspec.Struct], path: tuple[str, ...]) -> Iterator[Setting]:
    for field in msgspec.structs.fields(struct):
        here = (*path, field.name)
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from _walk(field.type, here)
        else:
            kind, meta = get_args(field.type)
            yield Setting(path=here, kind=_without_none(kind), meta=meta, default=field.default)


def _without_none(kind: object) -> object:
    if get_origin(kind) not in _UNION:
        return kind
    (rest,) = (part for part in get_args(kind) if part is not type(None))
    return rest


def _converted(setting: Setting, value: object, *, text: bool) -> object:
    kind = setting.kind
    if kind is Secret:
        return Secret(msgspec.convert(value, str))
    if kind is Path:
        return Path(msgspec.convert(value, str)).expanduser().absolute()
    if get_origin(kind) is tuple:
        parts = str(value).split(",") if text else msgspec.convert(value, list[str])
        return tuple(part.strip() for part in parts if part.strip())
    if kind is bool and text and str(value).lower() in _SWITCH:
        return _SWITCH[str(value).lower()]
    return msgspec.convert(value, Annotated[kind, setting.meta], strict=not text)


def _range(meta: msgspec.Meta) -> str:
    if meta.gt is not None:
        return f" above {meta.gt} and at most {meta.le}"
    return f" from {meta.ge} to {meta.le}"


def _size(meta: msgspec.Meta) -> str:
    if meta.pattern is not None:
        return f" that matches {meta.pattern}"
    if meta.max_length is not None:
        return f" of {meta.min_length} to {meta.max_length} characters"
    return ""


def _shown(value: object) -> str:
    text = ascii(value)
    return text if len(text) <= 80 else text[:80] + "…"
