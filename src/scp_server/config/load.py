"""Settings from the environment and a TOML file; the environment wins."""

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
import platformdirs

from scp_server.config.checks import check, is_loopback
from scp_server.config.faults import ConfigError
from scp_server.config.fields import PREFIX, Setting, converted, settings_list
from scp_server.config.settings import Settings
from scp_server.domain.secrets import Secret

CONFIG_FILE: Final = "SCP_CONFIG_FILE"
CLIENT_PREFIX: Final = "SCP_CLIENT__"
"""SDK, examples and tests: not ours."""

SOCKETS_PER_ADDRESS: Final = 500
"""Enough for a house behind one address; on loopback every client has the same one."""

T = TypeVar("T", bound=msgspec.Struct)
Given = dict[tuple[str, ...], object]


def load(environ: Mapping[str, str]) -> Settings:
    """The settings, complete and checked. A variable that is empty counts as not set.

    Raises: ConfigError, naming the setting and what it takes.
    """
    known = settings_list()
    given: Given = {}
    file = environ.get(CONFIG_FILE)
    if file:
        given.update(_from_file(Path(file).expanduser(), known))
    given.update(_from_environment(environ, known))
    settings = _tree(Settings, (), {**_derived(given), **given})
    check(settings, known)
    return settings


def with_port(settings: Settings, port: int) -> Settings:
    """The settings of a server that listens on another port than it was told, for instance 0.

    A public address that was derived from the old port is derived anew.
    """
    tls = settings.tls_cert is not None
    if settings.public_url != _public_url(settings.port, tls=tls):
        return msgspec.structs.replace(settings, port=port)
    return msgspec.structs.replace(settings, port=port, public_url=_public_url(port, tls=tls))


def _public_url(port: object, *, tls: bool) -> str:
    # Port 0 is none yet: `with_port` names the one that is taken.
    return f"{'https' if tls else 'http'}://localhost" + (f":{port}" if str(port) != "0" else "")


def _derived(given: Given) -> Given:
    default = platformdirs.user_data_path("scp-streaming", appauthor=False)
    data_dir = Path(str(given.get(("data_dir",), default)))
    elsewhere = ("keys",) in given or ("key_command",) in given
    local = is_loopback(str(given.get(("host",), "localhost")))
    return {
        ("public_url",): _public_url(given.get(("port",), 5000), tls=("tls_cert",) in given),
        ("data_dir",): data_dir,
        ("database_url",): f"sqlite:///{data_dir / 'scp.db'}",
        ("key_file",): None if elsewhere else data_dir / "keys",
        ("require_session",): not local,
        ("limits", "sockets_per_address"): 0 if local else SOCKETS_PER_ADDRESS,
    }


def _from_environment(environ: Mapping[str, str], known: tuple[Setting, ...]) -> Given:
    by_variable = {setting.variable: setting for setting in known}
    given: Given = {}
    for variable, value in environ.items():
        if not variable.startswith(PREFIX) or variable.startswith(CLIENT_PREFIX):
            continue
        if variable == CONFIG_FILE:
            continue
        setting = by_variable.get(variable)
        if setting is None:
            raise _unknown(variable, variable, [*by_variable, CONFIG_FILE])
        if value:
            given[setting.path] = converted(setting, value, text=True)
    return given


def _from_file(path: Path, known: tuple[Setting, ...]) -> Given:
    by_path = {setting.path: setting for setting in known}
    given: Given = {}
    for place, value in _leaves(_read(path), (), {setting.path[:-1] for setting in known}):
        setting = by_path.get(place)
        if setting is None:
            name = ".".join(place)
            raise _unknown(CONFIG_FILE, f"{path}: {name}", [".".join(each) for each in by_path])
        given[place] = converted(setting, value, text=False)
    if any(isinstance(value, Secret) for value in given.values()):
        _refuse_open_file(path)
    return given


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as exc:
        raise ConfigError(
            CONFIG_FILE, f"SCP_CONFIG_FILE names {path}, which cannot be read: {exc.strerror}."
        ) from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        # Not the parser's own words: they may quote a secret.
        raise ConfigError(CONFIG_FILE, f"The file {path} is not TOML in UTF-8.") from exc


def _leaves(
    table: Mapping[str, Any], path: tuple[str, ...], groups: set[tuple[str, ...]]
) -> Iterator[tuple[tuple[str, ...], object]]:
    for name, value in table.items():
        here = (*path, name)
        if isinstance(value, dict) and here in groups:
            yield from _leaves(value, here, groups)
        else:
            yield here, value


def _refuse_open_file(path: Path) -> None:
    mode = path.stat().st_mode
    if os.name == "posix" and mode & 0o007:
        raise ConfigError(
            CONFIG_FILE,
            f"The file {path} holds a secret, but everybody can reach it (mode {mode & 0o777:o})."
            f" Run: chmod o= {path}",
        )


def _unknown(setting: str, name: str, names: list[str]) -> ConfigError:
    nearest = difflib.get_close_matches(name.rsplit(": ", 1)[-1], names, n=1, cutoff=0.0)
    return ConfigError(setting, f"There is no setting {name}. Did you mean {nearest[0]}?")


def _tree(struct: type[T], path: tuple[str, ...], given: Given) -> T:
    values: dict[str, object] = {}
    for field in msgspec.structs.fields(struct):
        here = (*path, field.name)
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            values[field.name] = _tree(field.type, here, given)
        elif here in given:
            values[field.name] = given[here]
    return struct(**values)
