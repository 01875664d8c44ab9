"""The operator's key: given, or made at the first start and kept for the command line."""

from typing import Final

from scp_server.config.checks import MIN_OPERATOR_KEY
from scp_server.config.settings import Settings
from scp_server.crypto.private_files import create_private, read_private
from scp_server.domain.errors import StartRefused
from scp_server.domain.secrets import OPERATOR_PREFIX, Secret
from scp_server.ports.chance import Chance

FILE_NAME: Final = "operator-key"


def operator_key(settings: Settings, chance: Chance) -> Secret:
    """SCP_OPERATOR_KEY, else the key in `{data}/operator-key`, made with mode 0600.

    Raises: StartRefused when the file is readable by others or holds no key.
    """
    if settings.operator_key is not None:
        return settings.operator_key
    path = settings.data_dir / FILE_NAME
    text = read_private(path)
    if text is None:
        create_private(path, f"{OPERATOR_PREFIX}{chance.token(256)}\n")
        text = read_private(path) or ""
    key = text.strip()
    secret = key.removeprefix(OPERATOR_PREFIX)
    if secret == key or len(secret) < MIN_OPERATOR_KEY:
        raise StartRefused(f"The file {path} holds no operator key. Remove it to have one made.")
    return Secret(key)
