"""Liveness, readiness, metrics, and the documents."""

from support.api_server import AS_OPERATOR, House, serving


async def test_it_is_alive_also_while_it_is_not_ready(house: House) -> None:
    house.ready = False
    assert (await house.ask("GET", "/healthz")).data == {"status": "ok"}


async def test_it_is_ready_when_the_database_answers(house: House) -> None:
    assert (await house.ask("GET", "/readyz")).data == {"status": "ok"}
    house.ready = False
    answer = await house.ask("GET", "/readyz")
    assert (answer.status, answer.code) == (503, "STORAGE_UNAVAILABLE")
    assert int(answer.headers["Retry-After"]) > 0


async def test_it_is_not_ready_while_it_drains(house: House) -> None:
    house.draining = True
    answer = await house.ask("GET", "/readyz")
    assert (answer.status, answer.code) == (503, "SHUTTING_DOWN")


async def test_metrics_need_the_operators_key(house: House) -> None:
    assert (await house.ask("GET", "/metrics")).code == "SESSION_REQUIRED"
    mine = {"X-Session-ID": await house.session()}
    assert (await house.ask("GET", "/metrics", headers=mine)).code == "FORBIDDEN"
    counted = await house.ask("GET", "/metrics", headers=AS_OPERATOR)
    assert (counted.status, counted.text) == (200, "scp_up 1\n")
    assert counted.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"


async def test_metrics_need_no_key_from_loopback_unless_a_proxy_stands_between() -> None:
    async with serving({"trust_loopback": True}) as house:
        assert (await house.ask("GET", "/metrics")).status == 200
        for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP"):
            assert (await house.ask("GET", "/metrics", headers={name: "127.0.0.1"})).status == 401


async def test_a_page_whose_name_was_made_to_lead_here_reads_no_metrics() -> None:
    async with serving({"trust_loopback": True}) as house:
        for host in ("evil.example", "localhost.evil.example:5000", "localhost."):
            answer = await house.ask("GET", "/metrics", headers={"Host": host})
            assert answer.status == 401, host
        for host in ("localhost:5000", "LOCALHOST", "[::1]:5000", "127.0.0.1"):
            answer = await house.ask("GET", "/metrics", headers={"Host": host})
            assert answer.status == 200, host


async def test_the_docs_page_lists_every_operation_and_loads_nothing_foreign(
    house: House,
) -> None:
    document = (await house.ask("GET", "/openapi.json")).json
    page = await house.ask("GET", "/docs")
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert f"{method.upper()} {path}" in page.text
            assert f'id="{operation["operationId"]}"' in page.text
    assert "<script" not in page.text
    assert 'href="http' not in page.text
    assert 'src="' not in page.text
