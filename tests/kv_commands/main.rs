//! The example `kv_registry`: exact output for exact input, however hostile the input.

use std::fmt::Write as _;
use std::io::ErrorKind;

use line::MAX_LINE;
use session::SessionError;

#[path = "../../examples/kv_registry/answer.rs"]
mod answer;
#[path = "../../examples/kv_registry/command.rs"]
mod command;
#[path = "../../examples/kv_registry/line.rs"]
mod line;
#[path = "../../examples/kv_registry/session.rs"]
mod session;

async fn answers_to(input: impl AsRef<[u8]>) -> String {
    let mut output = Vec::new();
    session::run(input.as_ref(), &mut output)
        .await
        .expect("memory is readable and writable");
    String::from_utf8(output).expect("answers are text")
}

#[tokio::test]
async fn the_sample_prints_exactly_this() {
    let sample = include_str!("../../examples/shopping.txt");
    let expected = "\
created shopping
OK
OK
OK
3
one dozen, free range
OK
NOT FOUND
created work
OK
OK
shopping
work
OK
error on line 12: unknown command \"EAT\"
exited shopping (stopped)
OK
NOT FOUND
work
OK
exited work (registry gone)
";
    assert_eq!(answers_to(sample).await, expected);
}

#[tokio::test]
async fn a_thousand_buckets_come_and_go_in_order() {
    let mut input = String::new();
    let mut expected = String::new();
    for n in 0..1_000 {
        writeln!(input, "CREATE b{n:03}\nPUT b{n:03} n {n}\nGET b{n:03} n").unwrap();
        writeln!(expected, "created b{n:03}\nOK\nOK\n{n}").unwrap();
    }
    for n in 0..500 {
        writeln!(input, "STOP b{n:03}").unwrap();
        writeln!(expected, "exited b{n:03} (stopped)\nOK").unwrap();
    }
    for n in 500..1_000 {
        writeln!(expected, "exited b{n:03} (registry gone)").unwrap();
    }
    assert_eq!(answers_to(input).await, expected);
}

#[tokio::test]
async fn mistakes_are_reported_with_their_line_number() {
    let input = "\
FLY
create b
CREATE
CREATE b c

PUT b k
GET b
NAMES b
DELETE b k
PUT b k v
STOP b
CREATE b
GET b k
DELETE b k
";
    let expected = "\
error on line 1: unknown command \"FLY\"
error on line 2: unknown command \"create\"
error on line 3: too few arguments, usage: CREATE <bucket>
error on line 4: too many arguments, usage: CREATE <bucket>
error on line 6: too few arguments, usage: PUT <bucket> <key> <value>
error on line 7: too few arguments, usage: GET <bucket> <key>
error on line 8: too many arguments, usage: NAMES
NOT FOUND
NOT FOUND
NOT FOUND
created b
OK
NOT FOUND
NOT FOUND
exited b (registry gone)
";
    assert_eq!(answers_to(input).await, expected);
}

#[tokio::test]
async fn hostile_bytes_do_no_harm() {
    let mut input = Vec::new();
    input.extend(b"\0\n\xff\xfe\nCREATE \xc3\x28\n\r\n   \t\n");
    input.extend(b"CREATE a\0b\x1b[31m\\\r\n");
    input.extend(vec![b'x'; 1 << 20]);
    input.extend(b"\nNAMES\r\nNAMES x\ry\nSTOP a\0b\x1b[31m\\");
    let expected = r#"error on line 1: unknown command "\0"
error on line 2: invalid utf-8 sequence of 1 bytes from index 0
error on line 3: invalid utf-8 sequence of 1 bytes from index 7
created a\u{0}b\u{1b}[31m\\
OK
error on line 7: longer than 65536 bytes
a\u{0}b\u{1b}[31m\\
OK
error on line 9: too many arguments, usage: NAMES
exited a\u{0}b\u{1b}[31m\\ (stopped)
OK
"#;
    assert_eq!(answers_to(input).await, expected);
}

#[tokio::test]
async fn the_limit_is_the_longest_line() {
    let put = "PUT b k ";
    let fits = "v".repeat(MAX_LINE - put.len());
    for end in ["\n", "\r\n"] {
        let input = format!("CREATE b{end}{put}{fits}{end}{put}{fits}v{end}GET b k{end}");
        let expected = format!(
            "created b\nOK\nOK\nerror on line 3: longer than {MAX_LINE} bytes\n{fits}\n\
             exited b (registry gone)\n"
        );
        assert_eq!(answers_to(input).await, expected);
    }
}

#[tokio::test]
async fn the_last_line_needs_no_terminator() {
    let longest = "x".repeat(MAX_LINE);
    assert_eq!(answers_to("").await, "");
    assert_eq!(answers_to("\n").await, "");
    assert_eq!(answers_to("GET b k").await, "NOT FOUND\n");
    let error = format!("error on line 1: longer than {MAX_LINE} bytes\n");
    for more in ["y", "yy", "yyy"] {
        assert_eq!(answers_to(format!("{longest}{more}")).await, error);
    }
    let error = answers_to(longest).await;
    assert!(
        error.starts_with("error on line 1: unknown command"),
        "{error}"
    );
}

#[tokio::test]
async fn values_are_returned_unchanged() {
    let input = "CREATE b\nPUT b k \t two  words\\ é \nGET b k\nPUT b k 4\nGET b k\n";
    let expected = "created b\nOK\nOK\ntwo  words\\ é \nOK\n4\nexited b (registry gone)\n";
    assert_eq!(answers_to(input).await, expected);
}

#[tokio::test]
async fn a_closed_output_ends_the_session() {
    let (mut output, reader) = tokio::io::duplex(64);
    drop(reader);
    let ended = session::run(&b"CREATE a\nCREATE b\n"[..], &mut output).await;
    match ended {
        Err(SessionError::Write(error)) => assert_eq!(error.kind(), ErrorKind::BrokenPipe),
        other => panic!("unexpected: {other:?}"),
    }
}

#[tokio::test]
async fn a_failing_input_ends_the_session() {
    let input = tokio_test::io::Builder::new()
        .read(b"CREATE a\n")
        .read_error(ErrorKind::TimedOut.into())
        .build();
    let mut output = Vec::new();
    let ended = session::run(tokio::io::BufReader::new(input), &mut output).await;
    match ended {
        Err(SessionError::Read(error)) => assert_eq!(error.kind(), ErrorKind::TimedOut),
        other => panic!("unexpected: {other:?}"),
    }
    assert!(output.starts_with(b"created a\nOK\n"));
}

#[tokio::test]
async fn answers_precede_the_end_of_the_input() {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, duplex};

    let (mut keyboard, input) = duplex(64);
    let (output, screen) = duplex(64);
    let mut screen = BufReader::new(screen).lines();
    let typing = async {
        keyboard.write_all(b"CREATE a\n").await.unwrap();
        assert_eq!(screen.next_line().await.unwrap().unwrap(), "created a");
        assert_eq!(screen.next_line().await.unwrap().unwrap(), "OK");
        drop(keyboard);
        let farewell = screen.next_line().await.unwrap().unwrap();
        assert_eq!(farewell, "exited a (registry gone)");
    };
    let (ended, ()) = tokio::join!(session::run(BufReader::new(input), output), typing);
    ended.unwrap();
}
