//! The compiler's messages about wrong programs of users: each message names the right code.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// Returns the compiler's messages about a wrong program. The program begins with `manager`, an
/// event manager of `Order`s.
fn refused(program: &str) -> String {
    let program = format!(
        "use genevent::{{EventManager, handler_fn}};
         #[derive(Debug)] pub struct Order(pub u32);
         pub async fn run(manager: EventManager<Order>) {{ {program} }}"
    );
    let (accepted, messages) = check(library(), &program);
    assert!(!accepted, "the compiler accepts:\n{program}");
    messages
}

/// Checks a program. Returns whether the compiler accepts the program, and the messages.
fn check(library: &str, program: &str) -> (bool, String) {
    static CHECKED: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    let number = CHECKED.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("compile_errors");
    fs::create_dir_all(&folder).unwrap();
    let source = folder.join(format!("{}_{number}.rs", std::process::id()));
    fs::write(&source, program).unwrap();
    let checked = Command::new(std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into()))
        .args(["--edition=2024", "--crate-type=lib", "--crate-name=wrong"])
        .args(["--emit=metadata", "--color=never", "-Awarnings"])
        .arg("--extern")
        .arg(format!("genevent={library}"))
        .arg("-L")
        .arg(format!("dependency={}", dependencies().display()))
        .arg("-o")
        .arg(source.with_extension("rmeta"))
        .arg(&source)
        .output()
        .expect("the compiler of this test is still installed");
    let _ = fs::remove_file(&source);
    let _ = fs::remove_file(source.with_extension("rmeta"));
    let messages = String::from_utf8_lossy(&checked.stderr).into_owned();
    (checked.status.success(), messages)
}

/// Returns the folder of the test binary, with its linked libraries.
fn dependencies() -> PathBuf {
    let binary = std::env::current_exe().unwrap();
    binary.parent().unwrap().to_owned()
}

/// Returns the newest build of the library with handlers. Older builds may be of older sources;
/// cargo has built the current sources before this test.
fn library() -> &'static str {
    static LIBRARY: OnceLock<String> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let files = fs::read_dir(dependencies()).unwrap().map(|f| f.unwrap());
        let mut builds: Vec<_> = files
            .filter(|file| {
                let name = file.file_name().into_string().unwrap_or_default();
                let is_library = file.path().extension().is_some_and(|e| e == "rlib");
                name.starts_with("libgenevent-") && is_library
            })
            .map(|file| (file.metadata().unwrap().modified().unwrap(), file.path()))
            .collect();
        builds.sort();
        let right = "pub fn right() { genevent::handler_fn(|_: &u8| ()); }";
        let mut paths = (builds.into_iter().rev())
            .map(|(_, path)| path.into_os_string().into_string().unwrap());
        let found = paths.find(|path| check(path, right).0);
        found.expect("the library is beside its test")
    })
}

#[track_caller]
fn names(messages: &str, texts: &[&str]) {
    for text in texts {
        assert!(
            messages.contains(text),
            "{text:?} is missing in:\n{messages}"
        );
    }
}

#[test]
fn a_closure_in_place_of_handler_fn_is_told() {
    let messages =
        refused(r#"let _ = manager.add_handler("log", |order: &Order| println!("{order:?}"));"#);
    names(
        &messages,
        &[
            "a closure is a handler if it returns a future, and `()` is not a future",
            "write `handler_fn(..)` around a closure that returns no future",
            r#"for example `manager.add_handler("log", handler_fn(|event: &Event| "#,
        ],
    );
}

#[test]
fn options_tell_what_they_need() {
    let restart = "let options = genevent::HandlerOptions::new(\"log\")
             .restart(genevent::Restart::never());
         let _ = manager.add_handler_with(options, handler_fn(|_: &Order| ()));";
    names(
        &refused(restart),
        &[
            "is not a factory of handlers",
            "with `HandlerOptions::restart`, write a closure that makes the handler",
            "for example `move || handler_fn(|event: &Event| ",
        ],
    );
    let filter = r#"let _ = genevent::HandlerOptions::new("log").filter(|_: &Order| true);"#;
    let derive = ["consider annotating `Order` with `#[derive(Clone)]`"];
    names(&refused(filter), &derive);
}

#[test]
fn an_async_closure_in_handler_fn_is_told() {
    for closure in ["async |_: &Order| ()", "|_: &Order| async {}"] {
        let messages = refused(&format!(
            r#"let _ = manager.add_handler("log", handler_fn({closure}));"#
        ));
        names(
            &messages,
            &[
                "a closure that handles events returns `()`, `ControlFlow<()>` or a `Result` of one of them, \
                 not `{async ",
                "a closure that returns a future is a handler without `handler_fn`: \
                 `|event: &Event| { let event = event.clone(); async move { .. } }`",
                "the future of an `async |event|` closure borrows the event: write a type with \
                 `async fn handle_event`",
            ],
        );
    }
}

#[test]
fn an_async_closure_has_the_message_of_the_handler_page() {
    let messages =
        refused(r#"let _ = manager.add_handler("log", async |order: &Order| drop(order));"#);
    names(&messages, &["one type is more general than the other"]);
    let page = include_str!("../../../src/handler.rs");
    names(page, &["one type is more general than the other"]);
}

#[test]
fn a_wrong_result_of_a_closure_is_told() {
    let sync = r"handler_fn(|order: &Order| order.0)";
    let future = r"|order: &Order| { let number = order.0; async move { number } }";
    for closure in [sync, future] {
        let messages = refused(&format!(
            r#"let _ = manager.add_handler("log", {closure});"#
        ));
        names(
            &messages,
            &[
                "a closure that handles events returns `()`, `ControlFlow<()>` or a `Result` of one of them, \
                 not `u32`",
                "end a synchronous closure with `;`, or return `ControlFlow::Continue(())` or \
                 `ControlFlow::Break(())`",
            ],
        );
    }
}

#[test]
fn a_wrong_ok_of_a_closure_is_told() {
    let messages = refused(
        r#"let number = |order: &Order| Ok::<_, std::io::Error>(order.0);
           let _ = manager.add_handler("log", handler_fn(number));"#,
    );
    let text = "the `Ok` of a closure that handles events is `()` or `ControlFlow<()>`, not `u32`";
    names(&messages, &[text]);
}

#[test]
fn a_wrong_result_of_a_handler_is_told() {
    let messages = refused(
        "struct Log;
         impl genevent::Handler<Order> for Log { async fn handle_event(&mut self, _: &Order) {} }
         let _ = manager.add_handler(\"log\", Log);",
    );
    names(
        &messages,
        &[
            "to be a future that resolves to `Result<ControlFlow<()>, Box<dyn Error + Send + Sync>>`, \
           but it resolves to `()`",
        ],
    );
}

#[test]
fn a_type_without_handler_is_told() {
    let messages = refused(r#"struct Log; let _ = manager.add_handler("log", Log);"#);
    names(
        &messages,
        &[
            "`Log` is not a handler of events of type `Order`",
            "not a `Handler<Order>`",
            "a handler is a type with `impl Handler<Order>`, `handler_fn(|event: &Order| ..)`, or \
             a closure that returns a future which does not borrow the event",
        ],
    );
}

#[test]
fn reading_events_without_clone_names_clone() {
    for reads in [
        "manager.subscribe().next().await;",
        "let _ = manager.subscribe().try_next();",
        "let _ = manager.subscribe().deliveries();",
        "manager.subscribe().with_missed().next().await;",
        "use genevent::EventStreamExt;
         manager.subscribe().deliveries().for_each_acked(1, async |_| ()).await;",
    ] {
        let messages = refused(reads);
        names(
            &messages,
            &[
                "the trait bound `Order: Clone` is not satisfied",
                "consider annotating `Order` with `#[derive(Clone)]`",
            ],
        );
    }
}

/// For a combinator, the compiler names `Stream` only. The page says that `Clone` is missing.
#[test]
fn a_combinator_over_events_without_clone_is_on_its_page() {
    let messages = refused(
        "use genevent::EventStreamExt;
         let _ = manager.subscribe().latest();",
    );
    names(
        &messages,
        &["its trait bounds were not satisfied", "Stream`"],
    );
    let page = include_str!("../../../src/subscription.rs");
    names(
        page,
        &["the compiler reports that `Subscription<E>: Stream` is not satisfied"],
    );
}
