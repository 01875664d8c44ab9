"""Settings: what is taken, what is refused, and what the refusal says."""

from pathlib import Path

import pytest

from scp_server.config import ConfigError, Settings, load, with_port
from scp_server.domain.secrets import Secret

OPERATOR_KEY = "operator-" + "k" * 22


def refusal(environ: dict[str, str]) -> ConfigError:
    with pytest.raises(ConfigError) as refused:
        load(environ)
    return refused.value


def from_file(tmp_path: Path, text: str, **environ: str) -> Settings:
    path = tmp_path / "scp.toml"
    path.write_text(text)
    path.chmod(0o600)
    return load({"SCP_CONFIG_FILE": str(path), **environ})


@pytest.mark.parametrize(
    "tenant", ["common", "organizations", "consumers", "5f0c9a7e-2b41-4d3a-9c58-1e7d60b8a342"]
)
def test_a_tenant_is_one_of_microsofts_three_or_a_directory_s_id(tenant: str) -> None:
    assert load({"SCP_MICROSOFT__TENANT": tenant}).microsoft.tenant == tenant


@pytest.mark.parametrize(
    "tenant", ["contoso.example", "Common", "5F0C9A7E-2B41-4D3A-9C58-1E7D60B8A342", "5f0c9a7e"]
)
def test_a_tenant_that_no_id_token_could_name_is_refused(tenant: str) -> None:
    refused = refusal({"SCP_MICROSOFT__TENANT": tenant})
    assert refused.setting == "SCP_MICROSOFT__TENANT"
    assert "directory (tenant) id" in str(refused)


def file_refusal(tmp_path: Path, text: str) -> ConfigError:
    with pytest.raises(ConfigError) as refused:
        from_file(tmp_path, text)
    return refused.value


def test_without_any_setting_everything_has_the_contract_s_default() -> None:
    settings = load({})
    assert (settings.host, settings.port) == ("localhost", 5000)
    assert settings.public_url == "http://localhost:5000"
    assert settings.key_file == settings.data_dir / "keys"
    assert settings.database_url == f"sqlite:///{settings.data_dir}/scp.db"
    assert settings.operator_key is None
    assert (settings.allowed_origins, settings.return_to, settings.trusted_proxies) == ((), (), ())
    assert settings.require_session is False
    assert settings.allow_query_session is True
    assert settings.google.client_id is None
    assert settings.google.batch_size == settings.microsoft.batch_size == 20
    assert settings.sandbox is False
    assert (settings.sandbox_seed, settings.sandbox_messages) == (1, 1200)
    assert (settings.sandbox_events, settings.sandbox_quotas) == (300, "generous")
    assert (settings.sandbox_contacts, settings.sandbox_files) == (200, 400)
    microsoft = settings.microsoft
    assert (microsoft.event_days_back, microsoft.event_days_ahead) == (30, 365)
    limits = settings.limits
    assert (limits.connections_per_session, limits.connection_window_seconds) == (5, 300)
    assert (limits.stream_events_per_minute, limits.data_requests_per_minute) == (100, 50)
    assert (limits.subscriptions_per_minute, limits.starts_per_minute) == (10, 10)
    assert limits.max_rate_limit_per_minute == 600
    window = settings.window
    assert (window.events, window.bytes) == (256, 2**20)
    assert (window.stall_seconds, window.seat_seconds) == (30, 120)
    assert settings.session_days == 30
    assert (settings.log_level, settings.log_format) == ("info", None)


def test_the_environment_is_read_by_name(tmp_path: Path) -> None:
    settings = load(
        {
            "SCP_PORT": "8443",
            "SCP_DATA_DIR": str(tmp_path),
            "SCP_OPERATOR_KEY": OPERATOR_KEY,
            "SCP_ALLOWED_ORIGINS": "https://app.example, http://localhost:3000",
            "SCP_RETURN_TO": "https://app.example/done?x=1,http://127.0.0.1:9/cb",
            "SCP_ALLOW_QUERY_SESSION": "off",
            "SCP_GOOGLE__CLIENT_ID": "id",
            "SCP_GOOGLE__CLIENT_SECRET": "secret",
            "SCP_GOOGLE__GMAIL_URL": "http://[::1]:9000",
            "SCP_LIMITS__STARTS_PER_MINUTE": "0",
            "SCP_WINDOW__STALL_SECONDS": "0.5",
            "SCP_LOG_FORMAT": "json",
            "OTHER": "x",
        }
    )
    assert settings.port == 8443
    assert settings.public_url == "http://localhost:8443"
    assert settings.database_url == f"sqlite:///{tmp_path}/scp.db"
    assert settings.operator_key == Secret(OPERATOR_KEY)
    assert settings.allowed_origins == ("https://app.example", "http://localhost:3000")
    assert settings.return_to == ("https://app.example/done?x=1", "http://127.0.0.1:9/cb")
    assert settings.allow_query_session is False
    assert settings.google.client_id == "id"
    assert settings.google.client_secret == Secret("secret")
    assert settings.google.gmail_url == "http://[::1]:9000"
    assert settings.limits.starts_per_minute == 0
    assert settings.window.stall_seconds == 0.5
    assert settings.log_format == "json"


def test_a_file_is_read_and_the_environment_wins(tmp_path: Path) -> None:
    text = """
        port = 7000
        log_level = "debug"
        allowed_origins = ["https://app.example"]
        [google]
        client_id = "from file"
        client_secret = "s"
        [window]
        events = 10
    """
    settings = from_file(tmp_path, text, SCP_PORT="7001", SCP_WINDOW__BYTES="2048")
    assert settings.port == 7001
    assert settings.log_level == "debug"
    assert settings.allowed_origins == ("https://app.example",)
    assert settings.google.client_id == "from file"
    assert (settings.window.events, settings.window.bytes) == (10, 2048)


def test_variables_of_sdk_examples_and_tests_are_not_ours() -> None:
    assert load({"SCP_CLIENT__SESSION_ID": "x", "SCP_CLIENT__WHATEVER": "y"}) == load({})


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load({"SCP_GOOGLE__CLIENT_ID": "", "SCP_PORT": ""}) == load({})


def test_a_relative_path_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load({"SCP_DATA_DIR": "data"})
    assert settings.data_dir == tmp_path / "data"
    assert settings.key_file == tmp_path / "data" / "keys"


@pytest.mark.parametrize("value", ["true", "True", "1", "on", "ON", "yes"])
def test_a_switch_is_switched_on_by(value: str) -> None:
    assert load({"SCP_SANDBOX": value}).sandbox is True


@pytest.mark.parametrize("value", ["false", "0", "off", "No"])
def test_a_switch_is_switched_off_by(value: str) -> None:
    assert load({"SCP_ALLOW_QUERY_SESSION": value}).allow_query_session is False


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [
        ("SCP_PROT", "SCP_PORT"),
        ("SCP_GOOGLE_CLIENT_ID", "SCP_GOOGLE__CLIENT_ID"),
        ("SCP_LIMITS__STREAM_EVENT_PER_MINUTE", "SCP_LIMITS__STREAM_EVENTS_PER_MINUTE"),
        ("SCP_CONFIGFILE", "SCP_CONFIG_FILE"),
        ("SCP_port", "SCP_PORT"),
    ],
)
def test_an_unknown_variable_is_refused_naming_the_nearest(variable: str, nearest: str) -> None:
    refused = refusal({variable: "CANARY"})
    assert refused.setting == variable
    assert refused.message == f"There is no setting {variable}. Did you mean {nearest}?"


@pytest.mark.parametrize(
    ("variable", "value", "takes"),
    [
        ("SCP_PORT", "x", "a whole number from 0 to 65535, not 'x'"),
        ("SCP_PORT", "-1", "a whole number from 0 to 65535"),
        ("SCP_PORT", "65536", "a whole number from 0 to 65535"),
        ("SCP_PORT", "5000.5", "a whole number"),
        ("SCP_PORT", "0x10", "a whole number"),
        ("SCP_PORT", "\uff15", "a whole number"),
        ("SCP_PORT", "1" * 5000, "a whole number"),
        ("SCP_PORT", "5000\n", "a whole number"),
        ("SCP_SANDBOX", "maybe", "true or false"),
        ("SCP_SESSION_DAYS", "0", "a number above 0 and at most 3650"),
        ("SCP_SESSION_DAYS", "nan", "a number above 0"),
        ("SCP_SESSION_DAYS", "1e999", "a number above 0"),
        ("SCP_WINDOW__EVENTS", "0", "a whole number from 1 to 1000000"),
        ("SCP_GOOGLE__BATCH_SIZE", "101", "a whole number from 1 to 100"),
        ("SCP_MICROSOFT__BATCH_SIZE", "21", "a whole number from 1 to 20"),
        ("SCP_MICROSOFT__TENANT", "a/b", "a text that matches"),
        ("SCP_LOG_LEVEL", "verbose", "one of debug, info, warning, error, not 'verbose'"),
        ("SCP_LOG_FORMAT", "xml", "one of console, json"),
        ("SCP_SANDBOX_QUOTAS", "none", "one of generous, published"),
        ("SCP_HOST", "a" * 254, "a text of 1 to 253 characters"),
        ("SCP_GOOGLE__TOKEN_URL", "http://provider.example/token", "https address"),
        ("SCP_GOOGLE__TOKEN_URL", "ftp://provider.example", "https address"),
        ("SCP_GOOGLE__GMAIL_URL", "https://", "https address"),
        ("SCP_GOOGLE__GMAIL_URL", "https://a.example/?x=1", "https address"),
        ("SCP_GOOGLE__GMAIL_URL", "https://a.example/#x", "https address"),
        ("SCP_GOOGLE__GMAIL_URL", "https://a.example:99999", "https address"),
        ("SCP_GOOGLE__GMAIL_URL", "https://[::1", "https address"),
        ("SCP_GOOGLE__GMAIL_URL", "https:\\\\a.example", "https address"),
        ("SCP_GOOGLE__GMAIL_URL", "https://a.example /x", "https address"),
        ("SCP_GOOGLE__ISSUER", "accounts.example", "https address"),
        ("SCP_MICROSOFT__GRAPH_URL", "http://127.0.0.1.evil.example", "https address"),
        ("SCP_PUBLIC_URL", "http://scp.example", "https address"),
        ("SCP_PUBLIC_URL", "https://scp.example/", "only scheme, host and port"),
        ("SCP_PUBLIC_URL", "https://scp.example/app", "only scheme, host and port"),
        ("SCP_ALLOWED_ORIGINS", "*", "origins as browsers send them"),
        ("SCP_ALLOWED_ORIGINS", "null", "origins as browsers send them"),
        ("SCP_ALLOWED_ORIGINS", "https://app.example/", "origins as browsers send them"),
        ("SCP_ALLOWED_ORIGINS", "https://a.example,app.example", "not 'app.example'"),
        ("SCP_RETURN_TO", "//evil.example", "https address"),
        ("SCP_RETURN_TO", "javascript:alert(1)", "https address"),
        ("SCP_RETURN_TO", "http://app.example/done", "https address"),
        ("SCP_RETURN_TO", "https://app.example/done#x", "https address"),
        ("SCP_TRUSTED_PROXIES", "proxy.example", "IP addresses or networks"),
        ("SCP_TRUSTED_PROXIES", "0.0.0.0/0", "must not trust every address"),
        ("SCP_TRUSTED_PROXIES", "10.0.0.1,::/0", "must not trust every address"),
        ("SCP_DATABASE_URL", "mysql://x", "sqlite:///<path>"),
        ("SCP_DATABASE_URL", "sqlite://", "sqlite:///<path>"),
        ("SCP_DATABASE_URL", "sqlite:///:memory:", "sqlite:///<path>"),
    ],
)
def test_a_wrong_value_is_refused_naming_the_variable_and_what_it_takes(
    variable: str, value: str, takes: str
) -> None:
    refused = refusal({variable: value})
    assert refused.setting == variable
    assert variable in refused.message
    assert takes in refused.message
    assert len(refused.message) < 500


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SCP_OPERATOR_KEY", "CANARY"),
        ("SCP_OPERATOR_KEY", "operator-CANARY"),
        ("SCP_OPERATOR_KEY", "session-CANARYCANARYCANARYCANARYCANARY"),
        ("SCP_OPERATOR_KEY", "operator-CANARYCANARYCANARY CANARY"),
        ("SCP_DATABASE_URL", "postgresql://scp:CANARY@db.example/scp"),
        ("SCP_GOOGLE__TOKEN_URL", "https://user:CANARY@provider.example"),
        ("SCP_RETURN_TO", "https://CANARY@app.example"),
    ],
)
def test_a_refusal_never_repeats_what_may_be_secret(variable: str, value: str) -> None:
    refused = refusal({variable: value})
    assert refused.setting == variable
    assert "CANARY" not in refused.message
    assert "CANARY" not in repr(refused)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "scp.example", "localhost.example"])  # noqa: S104  (refused)
def test_binding_to_the_world_without_tls_or_a_proxy_is_refused(host: str) -> None:
    refused = refusal({"SCP_HOST": host, "SCP_PUBLIC_URL": "https://scp.example"})
    assert refused.setting == "SCP_HOST"
    assert "SCP_TLS_CERT" in refused.message
    assert "SCP_TRUSTED_PROXIES" in refused.message


def test_binding_to_the_world_behind_a_proxy_needs_the_public_address() -> None:
    behind = {"SCP_HOST": "0.0.0.0", "SCP_TRUSTED_PROXIES": "10.0.0.0/8"}  # noqa: S104  (tested)
    assert refusal(behind).setting == "SCP_PUBLIC_URL"
    settings = load({**behind, "SCP_PUBLIC_URL": "https://scp.example"})
    assert settings.require_session is True
    switched_off = {"SCP_PUBLIC_URL": "https://scp.example", "SCP_REQUIRE_SESSION": "off"}
    assert load(behind | switched_off).require_session is False


def test_tls_needs_certificate_and_key_as_files(tmp_path: Path) -> None:
    cert = tmp_path / "cert.pem"
    cert.write_text("")
    world = {"SCP_HOST": "0.0.0.0", "SCP_PUBLIC_URL": "https://scp.example"}  # noqa: S104  (tested)
    one = {**world, "SCP_TLS_CERT": str(cert)}
    assert "both" in refusal(one).message
    assert refusal({**one, "SCP_TLS_KEY": str(tmp_path / "no")}).setting == "SCP_TLS_KEY"
    assert load({**one, "SCP_TLS_KEY": str(cert)}).tls_key == cert


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "::1"])
def test_loopback_needs_no_tls(host: str) -> None:
    assert load({"SCP_HOST": host}).require_session is False


def test_the_sandbox_refuses_the_world_and_real_clients() -> None:
    world = {
        "SCP_HOST": "0.0.0.0",  # noqa: S104  (refused)
        "SCP_TRUSTED_PROXIES": "10.0.0.1",
        "SCP_PUBLIC_URL": "https://scp.example",
        "SCP_SANDBOX": "on",
    }
    assert refusal(world).setting == "SCP_SANDBOX"
    for name in ("GOOGLE", "MICROSOFT"):
        refused = refusal({"SCP_SANDBOX": "on", f"SCP_{name}__CLIENT_ID": "x"})
        assert f"SCP_{name}__CLIENT_ID" in refused.message


def test_outlook_s_window_is_no_wider_than_microsoft_shows() -> None:
    back, ahead = "SCP_MICROSOFT__EVENT_DAYS_BACK", "SCP_MICROSOFT__EVENT_DAYS_AHEAD"
    widest = load({back: "825", ahead: "1000"}).microsoft
    assert (widest.event_days_back, widest.event_days_ahead) == (825, 1000)
    refused = refusal({back: "826", ahead: "1000"})
    assert refused.setting == ahead
    assert back in refused.message
    assert "1825" in refused.message


def test_a_client_secret_without_its_id_is_refused() -> None:
    refused = refusal({"SCP_GOOGLE__CLIENT_SECRET": "CANARY"})
    assert refused.setting == "SCP_GOOGLE__CLIENT_ID"
    assert "CANARY" not in refused.message


def test_secrets_do_not_show_in_the_settings_repr() -> None:
    settings = load(
        {
            "SCP_OPERATOR_KEY": OPERATOR_KEY,
            "SCP_GOOGLE__CLIENT_ID": "id",
            "SCP_GOOGLE__CLIENT_SECRET": "CANARY",
        }
    )
    assert "CANARY" not in repr(settings)
    assert OPERATOR_KEY not in repr(settings)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("prot = 1", "Did you mean port?"),
        ("[gogle]\nclient_id = 'x'", "gogle"),
        ("[google]\nclient = 'x'", "Did you mean google.client_id?"),
        ("google = 1", "There is no setting"),
        ("port = '5000'", "SCP_PORT must be a whole number"),
        ("port = true", "SCP_PORT must be a whole number"),
        ("sandbox = 1", "SCP_SANDBOX must be true or false"),
        ("allowed_origins = 'https://app.example'", "SCP_ALLOWED_ORIGINS must be"),
        ("allowed_origins = [1]", "SCP_ALLOWED_ORIGINS must be"),
        ("data_dir = 1", "SCP_DATA_DIR must be a path"),
        ("[operator_key]\nx = 1", "SCP_OPERATOR_KEY must be a text"),
    ],
)
def test_a_file_with_a_fault_is_refused_naming_it(tmp_path: Path, text: str, told: str) -> None:
    assert told in file_refusal(tmp_path, text).message


def test_a_file_that_is_not_toml_is_refused_without_quoting_it(tmp_path: Path) -> None:
    refused = file_refusal(tmp_path, "operator_key = CANARY")
    assert "is not TOML" in refused.message
    assert "CANARY" not in refused.message


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    refused = refusal({"SCP_CONFIG_FILE": str(tmp_path / "no.toml")})
    assert refused.setting == "SCP_CONFIG_FILE"
    assert "cannot be read" in refused.message


def test_a_file_with_a_secret_must_not_be_open_to_everybody(tmp_path: Path) -> None:
    path = tmp_path / "scp.toml"
    path.write_text(f'operator_key = "{OPERATOR_KEY}"')
    path.chmod(0o644)
    refused = refusal({"SCP_CONFIG_FILE": str(path)})
    assert f"chmod o= {path}" in refused.message
    path.chmod(0o640)
    assert load({"SCP_CONFIG_FILE": str(path)}).operator_key == Secret(OPERATOR_KEY)


def test_a_file_without_secrets_may_be_read_by_everybody(tmp_path: Path) -> None:
    path = tmp_path / "scp.toml"
    path.write_text("port = 1")
    path.chmod(0o644)
    assert load({"SCP_CONFIG_FILE": str(path)}).port == 1


def test_a_port_taken_at_the_start_changes_the_derived_public_address_only() -> None:
    assert with_port(load({"SCP_PORT": "0"}), 4711).public_url == "http://localhost:4711"
    given = load({"SCP_PORT": "0", "SCP_PUBLIC_URL": "https://scp.example"})
    assert with_port(given, 4711).public_url == "https://scp.example"
    assert with_port(given, 4711).port == 4711


def test_with_a_certificate_the_derived_public_address_is_https(tmp_path: Path) -> None:
    pem = tmp_path / "pem"
    pem.write_text("")
    settings = load({"SCP_TLS_CERT": str(pem), "SCP_TLS_KEY": str(pem), "SCP_PORT": "8443"})
    assert settings.public_url == "https://localhost:8443"
    assert with_port(settings, 4711).public_url == "https://localhost:4711"
