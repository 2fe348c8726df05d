import pytest

from support_hub.settings import Settings


@pytest.fixture(scope="session")
def settings():
    return Settings.from_env()


@pytest.fixture
def thread():
    return "Anna: my blue basket has not come.\nDesk: it left on Monday.\nAnna: it is here, thanks!"
