"""Microsoft's dialect: its failures, its batches, its prices."""

from scp_server.providers.dialect import Dialect
from scp_server.providers.microsoft.batch import BATCH_PATHS, read_batch, write_batch
from scp_server.providers.microsoft.failures import microsoft_refusal
from scp_server.providers.tariff import Tariff


def microsoft_dialect(tariff: Tariff) -> Dialect:
    """How Graph is talked to, under a tariff (microsoft.quota)."""
    return Dialect(
        name="Microsoft",
        tariff=tariff,
        refusal=microsoft_refusal,
        batch_paths=BATCH_PATHS,
        write_batch=write_batch,
        read_batch=read_batch,
    )
