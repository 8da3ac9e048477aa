use super::*;

/// What hyper would read, if the client's bytes come in pieces of this size, and hyper says of each request in turn
/// how it is framed.
fn read(sent: &[u8], framings: &[Framing], piece: usize) -> Vec<u8> {
    let mut strict = Strict::new();
    let mut read = Vec::new();
    let mut heads = 0;
    for mut piece in sent.chunks(piece) {
        while !piece.is_empty() {
            match strict.check(piece, || framings[heads - 1]) {
                Ok(given) => {
                    assert!(given > 0, "no progress at {:?}", strict.at);
                    read.extend(&piece[..given]);
                    piece = &piece[given..];
                }
                Err(wrong) => {
                    read.extend(&piece[..wrong]);
                    return [&read, BROKEN].concat();
                }
            }
            heads += usize::from(strict.at == At::HeadEnd);
        }
    }
    read
}

/// The same whatever the pieces.
fn passed(sent: &[u8], framings: &[Framing]) -> Vec<u8> {
    let whole = read(sent, framings, sent.len());
    for piece in 1..sent.len() {
        assert_eq!(read(sent, framings, piece), whole, "in pieces of {piece}");
    }
    whole
}

#[test]
fn heads_that_come_whole_are_judged_as_if_they_came_byte_by_byte() {
    const BYTES: &[u8] = b"\r\n# a";
    for head in 0..5_usize.pow(6) {
        let bytes = (0..6).map(|place| BYTES[head / 5_usize.pow(place) % 5]);
        let mut sent: Vec<u8> = bytes.collect();
        sent.extend(b"\r\n\r\n");
        let framings = [Framing::Upgrade; 1];
        assert_eq!(
            read(&sent, &framings, sent.len()),
            read(&sent, &framings, 1),
            "{}",
            sent.escape_ascii()
        );
    }
}

const GET: &[u8] = b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n";
const CHUNKED: &[u8] = b"POST /a HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n";

#[test]
fn what_is_right_passes_as_it_is() {
    let body = b"\n#\n\r\n\r\n\nGET /b HTTP/1.1\n\n";
    let chunks = b"A;a=\"b\"\r\n\n\n\n\n#\n\n\n\n\n\r\n0000000000000001 \r\n\n\r\n0\r\nx: #\r\n\r\n";
    for (sent, framings) in [
        (GET.to_vec(), vec![Framing::Length(0)]),
        (
            b"\r\n\r\n#GET# / HTTP/1.0\r\n\r\n".to_vec(),
            vec![Framing::Length(0)],
        ),
        ([GET, GET, GET].concat(), vec![Framing::Length(0); 3]),
        (
            [GET, body, GET, GET].concat(),
            [body.len(), 0, 0]
                .map(|length| Framing::Length(length as u64))
                .to_vec(),
        ),
        (
            [CHUNKED, chunks, CHUNKED, b"0\r\n\r\n", GET].concat(),
            vec![Framing::Chunked, Framing::Chunked, Framing::Length(0)],
        ),
        ([GET, b"\n#\n\0"].concat(), vec![Framing::Upgrade]),
    ] {
        assert_eq!(
            passed(&sent, &framings),
            sent,
            "{}",
            String::from_utf8_lossy(&sent)
        );
    }
}

/// What is read if the first wrong byte is behind this.
fn broken(right: &[u8]) -> Vec<u8> {
    [right, BROKEN].concat()
}

#[test]
fn a_line_of_a_head_that_ends_without_a_cr_is_broken() {
    for (right, wrong) in [
        (&b""[..], &b"\nGET / HTTP/1.1\r\n"[..]),
        (b"GET / HTTP/1.1", b"\nhost: x\r\n"),
        (b"GET / HTTP/1.1\r\na: b", b"\nc: d\r\n"),
        (b"GET / HTTP/1.1\r\nhost: x\r\n", b"\nGET"),
    ] {
        let sent = [right, wrong].concat();
        assert_eq!(passed(&sent, &[]), broken(right));
        // The same in the second request of a connection.
        let (sent, right) = ([GET, &sent].concat(), [GET, right].concat());
        assert_eq!(passed(&sent, &[Framing::Length(0)]), broken(&right));
    }
}

#[test]
fn a_fragment_in_a_target_is_broken() {
    let sent = b"GET /a#b HTTP/1.1\r\nx: #\r\n\r\n";
    assert_eq!(passed(sent, &[]), broken(b"GET /a"));
}

#[test]
fn a_chunk_size_of_seventeen_digits_is_broken_and_so_are_trailers_of_bare_lines() {
    for (right, wrong) in [
        (&b"0000000000000000"[..], &b"1\r\n"[..]),
        (b"1\r\na\r\n0000000000000000", b"0\r\n\r\n"),
        (b"0\r\n", b"\nGET"),
        (b"0\r\nx: y", b"\nz: w\r\n\r\n"),
    ] {
        let (sent, right) = ([CHUNKED, right, wrong].concat(), [CHUNKED, right].concat());
        assert_eq!(passed(&sent, &[Framing::Chunked]), broken(&right));
    }
}

#[test]
fn hyper_reads_nothing_behind_a_head_before_it_has_read_the_head() {
    let mut strict = Strict::new();
    let both = [GET, GET].concat();
    assert_eq!(strict.check(&both, || unreachable!()), Ok(GET.len()));
    let second = strict.check(&both[GET.len()..], || Framing::Length(0));
    assert_eq!(second, Ok(GET.len()));
}
