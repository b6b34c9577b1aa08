"""A signed address is good for what was signed, as long as was signed, while its key holds."""

import string
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.api.keys import acts, links
from ssmd.api.keys.links import Link
from tests.api.keys.desk import BY, Desk

SECRET, DIGEST = b"s" * 32, b"d" * 32
words = st.lists(
    st.tuples(st.text(string.ascii_letters, min_size=1, max_size=5), st.text(max_size=8)),
    max_size=5,
)


def made(path: str, told: list[tuple[str, str]]) -> Link:
    return Link(key="k" * 12, expires_s=1_800_000_100, signature="", path=path, words=tuple(told))


def parsed(address: str) -> Link:
    path, _, query = address.partition("?")
    found = links.parse(path, query)
    assert found is not None
    return found


@given(told=words, shuffled=st.randoms())
def test_what_was_signed_is_known_again_in_any_order(
    told: list[tuple[str, str]], shuffled: object
) -> None:
    """Clients reorder words and encode them in their own way."""
    address = links.address(SECRET, made("/v1/data/trades", told), DIGEST)
    path, _, query = address.partition("?")
    mixed = parse_qsl(query, keep_blank_values=True)
    shuffled.shuffle(mixed)  # type: ignore[attr-defined]
    assert links.is_signed(SECRET, parsed(f"{path}?{urlencode(mixed)}"), DIGEST)


@given(told=words, at=st.integers(0, 10_000), other=st.characters(codec="ascii"))
def test_an_address_that_was_changed_is_not_signed(
    told: list[tuple[str, str]], at: int, other: str
) -> None:
    """No letter of it can be another, unless it means the same."""
    address = links.address(SECRET, made("/v1/data/trades", told), DIGEST)
    whole = parsed(address)
    index = at % len(address)
    changed = address[:index] + other + address[index + 1 :]
    path, _, query = changed.partition("?")
    try:
        found = links.parse(path, query)
    except ValueError:
        return
    assert found is None or found == whole or not links.is_signed(SECRET, found, DIGEST)


def test_a_signature_is_of_one_api_and_one_secret_of_a_key() -> None:
    """Another API's, another key's, or the key's next secret make another one."""
    link = parsed(links.address(SECRET, made("/v1/data/trades", [("a", "b")]), DIGEST))
    assert links.is_signed(SECRET, link, DIGEST)
    assert not links.is_signed(b"t" * 32, link, DIGEST)
    assert not links.is_signed(SECRET, link, b"e" * 32)


@pytest.mark.parametrize(
    "query",
    [
        "link_key=a",
        "link_key=a&link_expires=1&link_signature=b&link_key=a",
        "link_key=a&link_expires=x&link_signature=b",
        "link_key=a&link_expires=-1&link_signature=b",
        "link_key=a&link_expires=99999999999&link_signature=b",
        "link_key=a&link_expires=\u0661&link_signature=b",
    ],
)
def test_half_a_link_is_none(query: str) -> None:
    """Each word once, and the end a number."""
    with pytest.raises(ValueError, match="each of its three words once"):
        links.parse("/v1/data/trades", query)


async def signed(desk: Desk, *scopes: str, **terms: object) -> tuple[str, str]:
    """A signed address, and the id of its key."""
    token = await desk.make(*scopes, **terms)  # type: ignore[arg-type]
    wanted = {"path": "/v1/data/probe?feed=one", "expires_in_s": 60}
    answer = await desk.send("POST", "/v1/links", token, wanted)
    assert answer.status_code == 201
    assert answer.json()["expires_at"] == "2027-01-15T08:01:00.000000000Z"
    return answer.json()["address"], token.id


async def test_a_signed_address_needs_no_key_and_ends(desk: Desk) -> None:
    """For whoever has it, until its time; as who made it, marked as a link."""
    address, key = await signed(desk)
    answer = await desk.get(address)
    assert (answer.status_code, answer.json()["key"], answer.json()["link"]) == (200, key, True)
    desk.clock.leap(59.9)
    assert (await desk.get(address)).status_code == 200
    desk.clock.leap(0.1)
    answer = await desk.get(address)
    assert (answer.status_code, answer.json()["code"]) == (401, "link")


async def test_a_signed_address_opens_nothing_else(desk: Desk) -> None:
    """Another question, another path, another method, another scope: none of them."""
    address, _ = await signed(desk)
    query = address.partition("?")[2]
    for other in (
        address.replace("feed=one", "feed=two"),
        address.replace("feed=one&", ""),
        f"{address}&since=1",
        address.replace("1800000060", "1900000060"),
        f"/v1/me?{query.replace('feed=one&', '')}",
        f"/v1/keys?{query.replace('feed=one&', '')}",
    ):
        assert (await desk.get(other)).status_code == 401, other
    token = await desk.make()
    assert (await desk.get(address, token)).status_code == 400  # which of both is meant?
    for method in ("POST", "PATCH", "DELETE", "HEAD"):
        answer = await desk.client.request(method, address)
        assert answer.status_code in {401, 405}
    links_query = query.replace("feed=one&", "")
    wanted = {"path": "/v1/data/probe"}
    answer = await desk.client.post(f"/v1/links?{links_query}", json=wanted)
    assert answer.status_code == 401


@pytest.mark.parametrize("how", ["revoke", "disable", "rotate", "expire", "scope", "feed"])
async def test_a_signed_address_ends_with_its_key(desk: Desk, how: str) -> None:
    """Who was let go has not left a door open; a narrowed key narrows its addresses."""
    address, key = await signed(desk, "datasets:read", "live:read")
    now = desk.clock.wall()
    changes: dict[str, dict[str, object]] = {
        "disable": {"disabled": True},
        "expire": {"expires_at": now + 10**9},
        "scope": {"scopes": frozenset({"live:read"})},
        "feed": {"feeds": frozenset({"two"})},
    }
    if how == "revoke":
        await acts.revoke(desk.database, BY, now, key)
    elif how == "rotate":
        await acts.rotate(desk.database, BY, now, key, 0)
    else:
        await acts.update(desk.database, BY, now, key, changes[how])
    desk.clock.leap(5)
    expected = 403 if how in {"scope", "feed"} else 401
    assert (await desk.get(address)).status_code == expected


@pytest.mark.parametrize(
    "path",
    [
        "/v1/keys",
        "/v1/data/nothing",
        "/v1/data/../keys",
        "/v1/data/%2e%2e/keys",
        "//elsewhere/v1/data/probe",
        "https://elsewhere/v1/data/probe",
        "/v1/data/probe#x",
        "/v1/data/probe?link_key=a",
        "/v1/data/probe\r\nSet-Cookie: a=b",
        "http://[/v1/data/probe",
        "",
    ],
)
async def test_nothing_but_a_download_is_signed(desk: Desk, path: str) -> None:
    """No address leads elsewhere, and none is signed twice."""
    answer = await desk.send("POST", "/v1/links", await desk.make(), {"path": path})
    assert (answer.status_code, answer.json()["code"]) == (400, "link")


async def test_a_link_counts_against_its_key(desk: Desk) -> None:
    """Its rate is the key's, and so is its use."""
    address, key = await signed(desk, burst=3, rate=0.001)
    assert [(await desk.get(address)).status_code for _ in range(3)] == [200, 200, 429]
    await desk.written()
    rows = await desk.rows(
        "SELECT details::text, status FROM api_audit WHERE kind = 'access' ORDER BY id"
    )
    assert [(row["details"], row["status"]) for row in rows] == [
        ("{}", 201),
        ('{"link": true}', 200),
        ('{"link": true}', 200),
        ('{"link": true}', 429),
    ]
    (row, _) = await desk.rows("SELECT * FROM api_usage ORDER BY route")
    assert (row["key"], row["route"], row["requests"], row["refused"]) == (
        key,
        "/v1/data/probe",
        3,
        1,
    )
