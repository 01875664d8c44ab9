"""Every setting that is an address, and every other, given the words of the corpus."""

from urllib.parse import urlsplit

import pytest
from corpus.words import MARKUP, NUMBERS, URLS, WORDS, said_at

from scp_server.config.checks import is_loopback
from scp_server.config.faults import ConfigError
from scp_server.config.fields import Setting, settings_list
from scp_server.config.load import load
from scp_server.config.settings import Settings

ADDRESSES = [one for one in settings_list() if one.form in {"url", "return_to", "origin"}]
OTHERS = [one for one in settings_list() if one not in ADDRESSES]
HIDING = set("\t\n\r @\\#")
"""What hides in an address whom it leads to."""


def given_to(variable: str, word: str) -> Settings | ConfigError:
    try:
        return load({variable: word})
    except ConfigError as refusal:
        return refusal


def is_plainly_refused(refusal: ConfigError) -> None:
    assert refusal.setting.startswith("SCP_")
    assert refusal.setting in refusal.message
    assert len(refusal.message) < 1000
    assert refusal.message.isprintable()


@pytest.mark.parametrize("setting", ADDRESSES, ids=lambda one: one.variable)
def test_an_address_is_refused_unless_it_is_plainly_what_it_seems(setting: Setting) -> None:
    for word in [*URLS, *MARKUP, "https://a.example:99999", "https://", "http://127.0.0.1.evil"]:
        value: object = given_to(setting.variable, word)
        if isinstance(value, ConfigError):
            is_plainly_refused(value)
            continue
        for name in setting.path:
            value = getattr(value, name)
        for told in value if isinstance(value, tuple) else (str(value),):
            parts = urlsplit(told)
            assert not set(told) & HIDING, word
            assert parts.hostname, word
            assert parts.port != 0, word
            # A page of an allowed origin is read with, never sent to.
            secure = parts.scheme == "https" or is_loopback(parts.hostname or "")
            assert secure or setting.form == "origin", word


@pytest.mark.parametrize("setting", OTHERS, ids=lambda one: one.variable)
def test_any_other_setting_is_read_or_refused_by_name(setting: Setting) -> None:
    for word in said_at(setting.variable, [*WORDS, *NUMBERS]):
        value = given_to(setting.variable, word)
        if isinstance(value, ConfigError):
            is_plainly_refused(value)
