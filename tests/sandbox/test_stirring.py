"""`securecontext sandbox --bustle-per-minute`: life while one watches."""

import anyio
import pytest
from sandbox.browsing import ADA, Sandbox

from scp_cli.stirring import stir


async def test_mail_comes_moves_and_goes_while_one_watches(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (await sandbox.control("/state"))["users"]
    async with anyio.create_task_group() as tasks:

        async def stirring() -> None:
            await stir(sandbox.base, per_minute=6_000, seed=1)

        tasks.start_soon(stirring)
        told: list[str] = []
        with anyio.fail_after(30):
            while len(told) < 42:
                await sandbox.control("/state")
                told += capsys.readouterr().out.splitlines()
        tasks.cancel_scope.cancel()
    after = (await sandbox.control("/state"))["users"]
    assert all(b["history_id"] != a["history_id"] for b, a in zip(before, after, strict=True))
    kinds = {line.split(": ")[1] for line in told}
    assert kinds == {"mail", "events", "contacts", "files"}
    assert sum(": mail: " in line for line in told) >= len(told) // 2
    assert any(line.startswith(ADA) for line in told)
