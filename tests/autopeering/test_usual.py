"""The quick way to read a Ping reads what the general way reads, or leaves it to that."""

from hypothesis import example, given
from hypothesis import strategies as st
from shimlet_host.autopeering import messages as m
from shimlet_host.autopeering.decoding import _DECODERS, _read
from shimlet_host.autopeering.encoding import encode_ping
from shimlet_host.autopeering.usual import usual_ping

U32 = st.integers(0, 2**32 - 1)
PINGS = st.builds(
    m.Ping,
    version=U32,
    network_id=U32,
    timestamp=st.integers(-(2**63), 2**63 - 1) | st.integers(0, 2**34),
    src_addr=st.sampled_from(["0.0.0.0", "::", "", "1.2.3.4"]),
    src_port=U32,
    dst_addr=st.sampled_from(["20.1.2.3", "2001:db8::1", "", "name", "x" * 130]),
)


def by_field(data):
    """What the general decoder makes of it."""
    try:
        return _read(data, 1, len(data), *_DECODERS[m.PING])
    except UnicodeDecodeError:
        return None


@given(PINGS)
def test_a_ping_is_read_as_it_was_written(ping):
    found = usual_ping(encode_ping(ping))
    assert found in (None, ping)


@given(PINGS, st.integers(1, 80), st.integers(0, 255), st.booleans())
@example(m.Ping(0, 40, 1_800_000_000, "0.0.0.0", 14626, "20.1.2.3"), 3, 0x98, False)
def test_a_changed_ping_is_read_as_the_general_decoder_reads_it(ping, at, byte, insert):
    data = bytearray(encode_ping(ping))
    at = min(at, len(data))
    data[at : at + (0 if insert else 1)] = bytes([byte])
    found = usual_ping(bytes(data))
    assert found is None or found == by_field(bytes(data))


def test_the_pings_of_nodes_take_the_quick_way():
    for version in (0, 1):
        ping = m.Ping(version, 40, 1_800_000_000, "0.0.0.0", 14626, "20.1.2.3")
        assert usual_ping(encode_ping(ping)) == ping
