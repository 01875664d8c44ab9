"""Google's dialect: its failures, its batches, its prices."""

from scp_server.providers.dialect import Dialect
from scp_server.providers.google.batch import BATCH_PATHS, read_batch, write_batch
from scp_server.providers.google.failures import google_refusal
from scp_server.providers.quota import Tariff


def google_dialect(tariff: Tariff) -> Dialect:
    """How Google is talked to, under a tariff (google.quota)."""
    return Dialect(
        name="Google",
        tariff=tariff,
        refusal=google_refusal,
        batch_paths=BATCH_PATHS,
        write_batch=lambda parts: write_batch([part.target for part in parts]),
        read_batch=read_batch,
    )
