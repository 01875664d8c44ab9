"""The reference page of the settings."""

from pathlib import Path

from scp_server.config import describe, load, settings_page

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_page_in_the_docs_is_the_one_written_from_the_settings() -> None:
    assert PAGE.read_text("utf-8") == settings_page()


def test_no_setting_lacks_a_description_or_shows_a_secret_s_default() -> None:
    for each in describe():
        assert each.description.endswith((".", "?")), each.variable
        assert each.default, each.variable
        if each.secret:
            assert "made" in each.default or each.default == "none"


def test_the_contract_s_settings_are_all_there() -> None:
    variables = {each.variable for each in describe()}
    assert variables >= {
        "SCP_HOST",
        "SCP_PORT",
        "SCP_PUBLIC_URL",
        "SCP_DATA_DIR",
        "SCP_DATABASE_URL",
        "SCP_KEY_FILE",
        "SCP_OPERATOR_KEY",
        "SCP_GOOGLE__REVOCATION_URL",
        "SCP_GOOGLE__QUOTA_UNITS_PER_MINUTE",
        "SCP_MICROSOFT__TENANT",
        "SCP_SANDBOX_QUOTAS",
        "SCP_LIMITS__MAX_RATE_LIMIT_PER_MINUTE",
        "SCP_WINDOW__SEAT_SECONDS",
        "SCP_SESSION_DAYS",
        "SCP_LOG_FORMAT",
    }


def test_a_described_default_that_is_a_value_is_the_value_one_gets() -> None:
    settings = load({})
    by_variable = {each.variable: each.default for each in describe()}
    assert by_variable["SCP_PORT"] == f"`{settings.port}`"
    assert by_variable["SCP_GOOGLE__GMAIL_URL"] == f"`{settings.google.gmail_url}`"
    assert by_variable["SCP_ALLOW_QUERY_SESSION"] == "on"
    assert by_variable["SCP_RETURN_TO"] == "none"
