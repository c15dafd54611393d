//! Whatever way a stream is split into chunks, the same frames come out.
#![expect(clippy::indexing_slicing, reason = "a test may stop on the spot")]

use proptest::prelude::*;

use super::*;

type Plain = (String, String);

fn plain(frame: &Frame) -> Plain {
    (
        String::from_utf8_lossy(&frame.event).into_owned(),
        String::from_utf8_lossy(&frame.data).into_owned(),
    )
}

fn split(chunks: &[&[u8]]) -> (Vec<Frame>, Vec<u8>) {
    let mut sse = Sse::new(MAX_EVENT);
    let mut frames = Vec::new();
    for chunk in chunks {
        sse.push(Bytes::copy_from_slice(chunk));
        while let Some(frame) = sse.take().unwrap() {
            frames.push(frame);
        }
    }
    let (begun, fresh) = sse.rest();
    (frames, [begun, fresh].concat())
}

fn texts(stream: &str) -> Vec<Plain> {
    split(&[stream.as_bytes()]).0.iter().map(plain).collect()
}

fn pair(event: &str, data: &str) -> Plain {
    (event.to_owned(), data.to_owned())
}

#[test]
fn reads_fields_as_the_standard_says() {
    assert_eq!(texts("data: a\n\n"), [pair("", "a")]);
    assert_eq!(texts("data:a\r\n\r\n"), [pair("", "a")]);
    assert_eq!(texts("data:  a\r\r"), [pair("", " a")]);
    assert_eq!(texts("event: x\ndata: {}\n\n"), [pair("x", "{}")]);
    assert_eq!(texts("data: a\ndata: b\ndata\n\n"), [pair("", "a\nb\n")]);
    assert_eq!(texts("\u{feff}data: a\n\n"), [pair("", "a")]);
    assert_eq!(texts(": ping\n\n"), [pair("", "")]);
    assert_eq!(texts("id: 7\nretry: 10\ndata: a\n\n"), [pair("", "a")]);
    assert_eq!(texts("database: a\n\n"), [pair("", "")]);
    assert_eq!(
        texts("data: a\n\ndata: b\n\n"),
        [pair("", "a"), pair("", "b")]
    );
}

#[test]
fn every_byte_is_in_some_frame() {
    let stream = b"\n\n: hi\n\ndata: a\r\n\r\nevent: e\rdata: b\r\r\ndata: [DO";
    let (frames, rest) = split(&[stream]);
    let mut raw: Vec<u8> = frames.iter().flat_map(|f| f.raw.to_vec()).collect();
    raw.extend_from_slice(&rest);
    assert_eq!(raw, stream);
    assert_eq!(rest, b"data: [DO");
    let data: Vec<_> = frames
        .iter()
        .filter(|f| !f.is_comment())
        .map(plain)
        .collect();
    assert_eq!(data, [pair("", "a"), pair("e", "b")]);
}

#[test]
fn a_whole_event_is_a_slice_of_its_chunk() {
    let chunk = Bytes::from_static(b"data: a\n\ndata: b\n\ndata: c");
    let mut sse = Sse::new(MAX_EVENT);
    sse.push(chunk.clone());
    let first = sse.take().unwrap().unwrap();
    let second = sse.take().unwrap().unwrap();
    assert_eq!(first.raw.as_ptr(), chunk.as_ptr());
    assert_eq!(second.data.as_ptr(), chunk.slice(15..).as_ptr());
    assert_eq!(sse.take().unwrap(), None);
    // The begun event is put together with what follows; the rest of that chunk is sliced again.
    let next = Bytes::from_static(b"c\n\ndata: d\n\n");
    sse.push(next.clone());
    assert_eq!(&sse.take().unwrap().unwrap().data[..], b"cc");
    assert_eq!(
        sse.take().unwrap().unwrap().raw.as_ptr(),
        next.slice(3..).as_ptr()
    );
}

#[test]
fn an_event_over_the_cap_is_an_error_however_it_comes() {
    let event = [b"data: ".as_slice(), &[b'x'; 100], b"\n\n"].concat();
    for size in [1, 7, 50, event.len()] {
        let mut sse = Sse::new(64);
        let failed = event.chunks(size).any(|chunk| {
            sse.push(Bytes::copy_from_slice(chunk));
            sse.take() == Err(FrameError::TooLong { limit: 64 })
        });
        assert!(failed, "chunks of {size}");
    }
    let mut lines = Lines::new(8);
    lines.push(Bytes::from_static(b"123456789\n"));
    assert!(lines.take().is_err());
}

#[test]
fn the_rest_can_be_taken_as_an_event() {
    let mut sse = Sse::new(MAX_EVENT);
    sse.push(Bytes::from_static(b"data: [DONE]"));
    assert_eq!(sse.take().unwrap(), None);
    sse.push(Bytes::from_static(b"\n"));
    assert_eq!(sse.take().unwrap(), None);
    let rest = sse.take_rest().unwrap();
    assert_eq!(&rest.data[..], b"[DONE]");
    assert_eq!(&rest.raw[..], b"data: [DONE]\n\n");
    assert_eq!(sse.take_rest(), None);
    for (rest, whole) in [
        ("data: a", "data: a\n\n"),
        ("data: a\r", "data: a\r\n\n"),
        ("data: a\r\n", "data: a\r\n\n"),
    ] {
        sse.push(Bytes::from_static(rest.as_bytes()));
        assert_eq!(sse.take().unwrap(), None);
        let frame = sse.take_rest().unwrap();
        assert_eq!(
            (&frame.raw[..], &frame.data[..]),
            (whole.as_bytes(), &b"a"[..])
        );
    }
    assert_eq!(sse.rest(), (b"".as_slice(), b"".as_slice()));
}

#[test]
fn a_late_lf_belongs_to_its_cr() {
    let chunks: [&[u8]; 4] = [b"data: a\r\n\r", b"\ndata: b\r", b"\n\r\n", b"data: c\n\n"];
    let (frames, rest) = split(&chunks);
    let got: Vec<_> = frames.iter().map(plain).collect();
    assert_eq!(got, [pair("", "a"), pair("", "b"), pair("", "c")]);
    assert!(rest.is_empty());
}

#[test]
fn lines_are_cut_at_newlines() {
    let mut lines = Lines::new(MAX_EVENT);
    lines.push(Bytes::from_static(b"{\"a\":1}\r\n\n{\"b\""));
    assert_eq!(&lines.take().unwrap().unwrap().data[..], b"{\"a\":1}");
    assert!(lines.take().unwrap().unwrap().is_comment());
    assert_eq!(lines.take().unwrap(), None);
    lines.push(Bytes::from_static(b":2}"));
    assert_eq!(lines.take().unwrap(), None);
    assert_eq!(&lines.take_rest().unwrap().raw[..], b"{\"b\":2}");
}

/// What the standard says of a whole stream, written down the slow way.
fn oracle(stream: &str) -> Vec<Plain> {
    let text = stream.strip_prefix('\u{feff}').unwrap_or(stream);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut found = Vec::new();
    let (mut event, mut data) = (String::new(), Vec::new());
    for line in text.split_inclusive('\n') {
        let Some(line) = line.strip_suffix('\n') else {
            break;
        };
        if line.is_empty() {
            found.push((std::mem::take(&mut event), data.join("\n")));
            data.clear();
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => data.push(value.to_owned()),
            "event" => value.clone_into(&mut event),
            _ => {},
        }
    }
    found
}

fn any_stream() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\n".to_owned()),
        Just("\r".to_owned()),
        Just("\r\n".to_owned()),
        Just("\n\n".to_owned()),
        Just("data: ".to_owned()),
        Just("data".to_owned()),
        Just("event: ".to_owned()),
        Just(": c".to_owned()),
        Just("\u{feff}".to_owned()),
        "[a-zäß€😀:{} ]{0,6}",
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_split_gives_what_the_standard_says(
        stream in any_stream(), mut cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12)
    ) {
        let bytes = stream.as_bytes();
        let mut places: Vec<usize> = cuts.drain(..).map(|c| c.index(bytes.len() + 1)).collect();
        places.sort_unstable();
        let mut chunks = Vec::new();
        let mut at = 0;
        for place in places {
            chunks.push(&bytes[at..place]);
            at = place;
        }
        chunks.push(&bytes[at..]);
        let (frames, rest) = split(&chunks);
        let got: Vec<Plain> = frames.iter().map(plain).collect();
        prop_assert_eq!(got, oracle(&stream));
        let raw: usize = frames.iter().map(|f| f.raw.len()).sum::<usize>() + rest.len();
        // Only the mark and line feeds that came after their event are not in any frame.
        prop_assert!(raw <= bytes.len() && bytes.len() - raw <= chunks.len() + 3);
    }

    #[test]
    fn any_split_gives_the_same_lines(
        stream in "[a-z\\r\\n ]{0,60}", cuts in prop::collection::vec(0usize..61, 0..6)
    ) {
        let whole = {
            let mut lines = Lines::new(MAX_EVENT);
            lines.push(Bytes::from(stream.clone()));
            std::iter::from_fn(|| lines.take().unwrap()).collect::<Vec<_>>()
        };
        let mut lines = Lines::new(MAX_EVENT);
        let mut got = Vec::new();
        let mut at = 0;
        let mut places = cuts;
        places.push(stream.len());
        places.sort_unstable();
        for place in places {
            let place = place.min(stream.len());
            lines.push(Bytes::copy_from_slice(&stream.as_bytes()[at..place]));
            at = place;
            got.extend(std::iter::from_fn(|| lines.take().unwrap()));
        }
        prop_assert_eq!(got, whole);
    }
}
