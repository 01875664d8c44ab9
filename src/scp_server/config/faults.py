"""What is wrong with the settings."""

from scp_server.domain.errors import StartRefused


class ConfigError(StartRefused):
    """A setting that cannot be used. `setting` is its variable; its value is never a secret."""

    def __init__(self, setting: str, message: str) -> None:
        super().__init__(message, setting=setting)
        self.setting = setting
