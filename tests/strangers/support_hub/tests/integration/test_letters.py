import pytest

from support_hub import letters


def test_letter_is_streamed():
    pieces = list(letters.draft_letter("order A-1001 was shipped with DHL"))
    assert len(pieces) > 1
    assert "DHL" in "".join(pieces)


def test_client_speaks_claude(anthropic_client, settings):
    message = anthropic_client.messages.create(
        model=settings.claude_model, max_tokens=5, messages=[{"role": "user", "content": "Say hi"}]
    )
    assert message.usage.output_tokens > 0


@pytest.mark.asyncio
async def test_summaries(thread):
    threads = [thread.replace("Anna", name) for name in ("Ben", "Cleo", "Dora")]
    summaries = await letters.summarise_all(threads)
    for name, summary in zip(("Ben", "Cleo", "Dora"), summaries):
        assert name in summary


async def test_title(thread):
    title = "".join([piece async for piece in letters.stream_title(thread)])
    assert title and len(title.split()) <= 8
