"""The shop's cache of pages."""

from __future__ import annotations

import asyncio

import pytest

from sample_apps.shop.cache import Pages, open_pages


class Printer:
    """Renders pages with running numbers, each as long as nobody says go on."""

    def __init__(self) -> None:
        self.printed = 0
        self.go_on = asyncio.Event()

    async def __call__(self) -> bytes:
        self.printed += 1
        number = self.printed
        await self.go_on.wait()
        if number == 13:
            raise OSError("no paper")
        return b"%d" % number


async def asked(pages: Pages, printer: Printer, times: int) -> list[bytes | BaseException]:
    readers = [asyncio.ensure_future(pages.page("a", printer)) for _ in range(times)]
    await asyncio.sleep(0)
    printer.go_on.set()
    return await asyncio.gather(*readers, return_exceptions=True)


@pytest.mark.parametrize(("url", "printed"), [("", [b"1", b"2", b"3"]), ("memory://", [b"1"] * 3)])
def test_a_page_is_rendered_once_for_all_who_ask_in_the_moment_it_is_not_there(url: str, printed: list[bytes]) -> None:
    assert asyncio.run(asked(open_pages(url), Printer(), 3)) == printed


def test_a_page_that_is_kept_is_not_rendered_again() -> None:
    async def seen() -> list[bytes]:
        pages, printer = open_pages("memory://"), Printer()
        printer.go_on.set()
        return [await pages.page("a", printer), await pages.page("a", printer), await pages.page("b", printer)]

    assert asyncio.run(seen()) == [b"1", b"1", b"2"]


def test_what_could_not_be_rendered_is_tried_again_by_the_next() -> None:
    async def seen() -> tuple[list[bytes | BaseException], bytes]:
        pages, printer = open_pages("memory://"), Printer()
        printer.printed = 12
        failed = await asked(pages, printer, 2)
        return failed, await pages.page("a", printer)

    failed, then = asyncio.run(seen())
    assert [str(each) for each in failed] == ["no paper"] * 2
    assert then == b"14"


def test_a_reader_that_leaves_takes_the_page_from_nobody() -> None:
    async def seen() -> bytes:
        pages, printer = open_pages("memory://"), Printer()
        first, second = (asyncio.ensure_future(pages.page("a", printer)) for _ in range(2))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        first.cancel()
        printer.go_on.set()
        return await second

    assert asyncio.run(seen()) == b"1"


def test_memory_is_this_processs_own() -> None:
    async def seen() -> list[bytes]:
        printer = Printer()
        printer.go_on.set()
        return [await each.page("a", printer) for each in (open_pages("memory://"), open_pages("memory://"))]

    assert asyncio.run(seen()) == [b"1", b"2"]


def test_an_unknown_cache_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown cache 'file' \(known: memory, redis, memcached\)"):
        open_pages("file://x")
