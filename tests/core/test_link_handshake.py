"""The handshake as two links lead it: any split of bytes, each refusal, nothing lost behind it."""

from helpers import NotEd25519
from pretend import HIGH, LOW, UNIX, LinkPair, feed, frame, rules
from shimlet.link import EMPTY, ESTABLISHED, REQUESTED, Link
from shimlet.reasons import (
    BAD_PACKET,
    BAD_SIGNATURE,
    EXPIRED,
    IN_THE_FUTURE,
    KEY_MISMATCH,
    PACKET_TOO_LARGE,
    REPLAYED,
    REQUEST_TIMEOUT,
    RESPONSE_MISMATCH,
    RESPONSE_TIMEOUT,
    WRONG_ADDRESS,
    WRONG_VERSION,
)

STRANGER = NotEd25519(b"stranger")


def refusal(profile="spec", unix_time=UNIX, to=b"10.0.0.2:14666", change=None, local=b""):
    """What an acceptor says to a request, which `change` may alter."""
    pair = LinkPair(profile=profile, to=to)
    pair.acceptor.local = local
    data = pair.request(unix_time)
    events = pair.to_acceptor(change(data) if change else data)
    assert len(events) == 1, events
    return events[0]


def test_handshake_works_in_any_split():
    for step in (0, 1, 2, 7, 100):
        pair = LinkPair(step).shake_hands()
        assert pair.dialler.is_open() and pair.acceptor.is_open(), step
        assert pair.acceptor.peer_key == LOW.public_key, step
        assert pair.dialler.peer_key == HIGH.public_key, step


def test_request_is_one_packet_that_an_existing_node_reads_at_once():
    request = LinkPair().request()
    assert isinstance(request, bytes) and len(request) <= 256, len(request)
    longest = LinkPair(to=b"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%interface-name]:65535")
    assert len(longest.request()) <= 256


def test_bytes_behind_the_response_are_the_first_frames():
    for step in (0, 1, 50):
        pair = LinkPair(step)
        replies = []
        pair.to_acceptor(pair.request(), replies)
        behind = frame(b"first") + bytes(4) + frame(b"second")
        events = pair.to_dialler(replies[0] + behind)
        assert events[0] == ESTABLISHED and events[2] == EMPTY, (step, events)
        assert events[1::2] == [frame(b"first")[4:], frame(b"second")[4:]], (step, events)


def test_bytes_behind_the_request_are_kept_until_the_link_is_open():
    for step in (0, 1):
        pair = LinkPair(step)
        events = pair.to_acceptor(pair.request() + frame(b"eager"), [])
        assert events == [REQUESTED, frame(b"eager")[4:]], events


def test_half_a_frame_behind_the_response_is_kept():
    pair = LinkPair()
    replies = []
    pair.to_acceptor(pair.request(), replies)
    whole = frame(b"split")
    for cut in range(1, len(whole)):
        link = Link(LOW, rules(), 0)
        link.request(HIGH.public_key, b"10.0.0.2:14666", UNIX, 0)
        assert feed(link, replies[0] + whole[:cut]) == [ESTABLISHED], cut
        assert feed(link, whole[cut:]) == [whole[4:]], cut


def test_request_within_twenty_seconds_is_accepted():
    assert refusal(unix_time=UNIX - 19) == REQUESTED
    assert refusal(unix_time=UNIX + 20) == REQUESTED


def test_expired_request_is_refused_in_both_profiles():
    for profile in ("spec", "goshimmer"):
        assert refusal(profile, UNIX - 20) == EXPIRED, profile
        assert refusal(profile, 0) == EXPIRED, profile


def test_request_too_far_in_the_future_is_refused_in_both_profiles():
    for profile in ("spec", "goshimmer"):
        assert refusal(profile, UNIX + 21) == IN_THE_FUTURE, profile


def test_request_to_another_address_is_refused_in_profile_spec_alone():
    other = b"10.0.0.3:14666"
    assert refusal("spec", to=other) == WRONG_ADDRESS
    assert refusal("goshimmer", to=other) == REQUESTED
    assert refusal("spec", to=other, local=other) == REQUESTED, "the socket's own address is ours"


def test_node_that_knows_no_address_of_its_own_skips_the_check():
    pair = LinkPair(to=b"10.0.0.3:14666")
    pair.acceptor.rules = rules(addresses=())
    assert pair.to_acceptor(pair.request()) == [REQUESTED]


def with_version(data):
    """The same request with version 1, signed again."""
    content = b"\x08\x01" + data[2 : 2 + data[1]]
    packet = bytearray(2 + len(content) + 34 + 66)
    packet[:2] = bytes([18, len(content)])
    packet[2 : 2 + len(content)] = content
    at = 2 + len(content)
    packet[at : at + 34] = b"\x1a\x20" + LOW.public_key
    packet[at + 34 : at + 36] = b"\x22\x40"
    LOW.sign(packet, 2, len(content), packet, at + 36)
    return bytes(packet)


def test_other_version_is_refused():
    assert refusal(change=with_version) == WRONG_VERSION


def test_bad_signature_is_refused():
    assert refusal(change=lambda data: data[:-1] + bytes([data[-1] ^ 1])) == BAD_SIGNATURE


def test_first_frame_where_a_request_belongs_is_refused_at_once():
    assert refusal(change=lambda data: frame(b"hello")) == BAD_PACKET


def test_packet_that_does_not_end_within_256_bytes_is_refused():
    endless = b"\x2a\x80\x08" + bytes(300)  # an unknown field of 1024 bytes
    for step in (0, 1):
        pair = LinkPair(step)
        assert pair.to_acceptor(endless) == [PACKET_TOO_LARGE], step


def test_same_request_is_a_replay_in_profile_spec():
    pair = LinkPair()
    request = pair.request()
    assert pair.to_acceptor(request, []) == [REQUESTED]
    again = Link(HIGH, pair.acceptor.rules, 0)
    again.source = pair.acceptor.source
    assert feed(again, request, now=500) == [REPLAYED]


def test_refused_request_is_not_remembered():
    pair = LinkPair()
    request = pair.request()
    assert pair.to_acceptor(request) == [REQUESTED]  # the shell closes, and does not call accept()
    again = Link(HIGH, pair.acceptor.rules, 0)
    assert feed(again, request) == [REQUESTED]


def retry(source, now, again_now=None):
    """What profile goshimmer says to the same bytes from `source` at `now`."""
    pair = LinkPair(profile="goshimmer")
    request = pair.request()
    pair.to_acceptor(request, [])
    for moment in (now,) if again_now is None else (now, again_now):
        link = Link(HIGH, pair.acceptor.rules, 0)
        link.source = source
        events = feed(link, request, now=moment, replies=[])
    return events


def test_retry_of_an_existing_node_passes_for_two_seconds_from_the_same_ip():
    assert retry("10.0.0.1", 500) == [REQUESTED]
    assert retry("10.0.0.1", 2000) == [REQUESTED]
    assert retry("10.0.0.1", 2001) == [REPLAYED]
    assert retry("10.0.0.7", 500) == [REPLAYED]


def test_retries_do_not_prolong_the_time_for_retries():
    assert retry("10.0.0.1", 1900, 3800) == [REPLAYED]


def test_two_peers_that_dial_in_the_same_second_are_no_replay():
    shared = rules()
    for dialler in (LOW, STRANGER):
        request = Link(dialler, rules(), 0).request(HIGH.public_key, b"10.0.0.2:14666", UNIX, 0)
        assert feed(Link(HIGH, shared, 0), request, replies=[]) == [REQUESTED]


def test_forgotten_replay_ring_entry_has_expired_anyway():
    pair = LinkPair()
    request = pair.request()
    pair.to_acceptor(request, [])
    again = Link(HIGH, pair.acceptor.rules, 0)
    assert feed(again, request, unix_time=UNIX + 20) == [EXPIRED]


def response_of(identity, request):
    """The response of an acceptor with this identity."""
    replies = []
    feed(Link(identity, rules(), 0), request, replies=replies)
    return replies[0]


def test_response_of_another_key_is_refused():
    pair = LinkPair()
    assert pair.to_dialler(response_of(STRANGER, pair.request())) == [KEY_MISMATCH]


def test_response_to_another_request_is_refused():
    pair = LinkPair()
    pair.request()
    other = LinkPair().request(UNIX + 1)
    assert pair.to_dialler(response_of(HIGH, other)) == [RESPONSE_MISMATCH]


def test_response_with_a_bad_signature_is_refused():
    pair = LinkPair()
    response = response_of(HIGH, pair.request())
    assert pair.to_dialler(response[:-1] + bytes([response[-1] ^ 1])) == [BAD_SIGNATURE]


def changes_of(data):
    """Every one-byte change of `data`, by one bit, by all bits and to 0."""
    for at in range(len(data)):
        for value in (data[at] ^ 1, data[at] ^ 255, 0):
            if value != data[at]:
                yield data[:at] + bytes([value]) + data[at + 1 :]


def test_every_change_of_a_request_gives_a_reason_or_waits_and_never_opens():
    request = LinkPair().request()
    for changed in changes_of(request):
        link = Link(HIGH, rules(), 0)
        events = feed(link, changed)
        assert REQUESTED not in events, changed
        if not events:  # a length grew: it waits for the rest
            events = feed(link, bytes(256))
        assert len(events) == 1 and events[0] < 0, (changed, events)


def test_every_change_of_a_response_gives_a_reason_or_waits_and_never_opens():
    request = LinkPair().request()
    response = response_of(HIGH, request)
    for changed in changes_of(response):
        link = Link(LOW, rules(), 0)
        link.request(HIGH.public_key, b"10.0.0.2:14666", UNIX, 0)
        events = feed(link, changed) or feed(link, bytes(256))
        assert len(events) == 1 and events[0] < 0, (changed, events)


def test_every_truncation_waits_and_the_rest_completes_it():
    request = LinkPair().request()
    for length in range(len(request)):
        link = Link(HIGH, rules(), 0)
        assert feed(link, request[:length]) == [], length
        assert feed(link, request[length:]) == [REQUESTED], length


def test_acceptor_waits_two_seconds_for_a_whole_request():
    link = Link(HIGH, rules(), 1000)
    feed(link, LinkPair().request()[:50], now=2900)
    assert link.overdue(3000) == 0
    assert link.overdue(3001) == REQUEST_TIMEOUT


def test_dialler_waits_five_seconds_for_a_response_from_when_its_request_was_sent():
    link = Link(LOW, rules(), 0)
    link.request(HIGH.public_key, b"10.0.0.2:14666", UNIX, 1000)
    link.connected(4000)
    assert link.overdue(9000) == 0
    assert link.overdue(9001) == RESPONSE_TIMEOUT


def test_claimed_key_is_known_for_the_log_and_the_peer_key_only_when_proven():
    pair = LinkPair()
    data = pair.request()
    pair.to_acceptor(data[:-1] + bytes([data[-1] ^ 1]))
    assert pair.acceptor.claimed_key == LOW.public_key
    assert pair.acceptor.peer_key == b""
