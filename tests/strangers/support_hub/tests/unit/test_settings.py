from support_hub.settings import Settings


def test_defaults(settings):
    assert settings == Settings.from_env()
    assert settings.max_retries == 2


def test_environment_wins(monkeypatch):
    monkeypatch.setenv("SUPPORT_HUB_CHAT_MODEL", "gpt-4o")
    monkeypatch.setenv("SUPPORT_HUB_MAX_RETRIES", "0")
    assert Settings.from_env().chat_model == "gpt-4o"
    assert Settings.from_env().max_retries == 0
