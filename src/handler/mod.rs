//! Makes a plain function a handler, which takes its arguments from the input by their types.

pub(crate) mod content;
pub(crate) mod context;
pub(crate) mod field_names;
pub(crate) mod message;
pub(crate) mod objects;
pub(crate) mod outcome;
pub(crate) mod state;
pub(crate) mod violations;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tracing::{Instrument, Span};

use crate::handler::context::Context;
use crate::handler::message::PayloadType;
use crate::handler::message::{Message, Payload, PayloadError};
use crate::handler::outcome::{IntoOutcome, Outcome};
use crate::handler::state::{State, StateType, States};
use crate::telemetry::HANDLERS;

/// The input of a handler: a message with its context, and the states.
#[derive(Clone)]
pub struct Input {
    pub(crate) data: Bytes,
    pub(crate) context: Context,
    pub(crate) states: States,
}

impl Input {
    /// Returns the published data.
    #[must_use]
    pub fn data(&self) -> &Bytes {
        &self.data
    }

    /// Returns the context of this run.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Returns the span of a run, whose fields are added to each line that the handler logs. Its level is that of errors, so that it
    /// is enabled for every line that passes the log's filter.
    pub(crate) fn span(&self) -> Span {
        tracing::error_span!(
            target: HANDLERS,
            parent: None,
            "handler",
            subscription = %self.context.subscription,
            message_id = %self.context.message_id,
            delivery_attempt = self.context.delivery_attempt,
            traceparent = self.context.span.as_ref().or(self.context.trace.as_ref()).map(display),
        )
    }
}

/// The reason why the arguments of a handler cannot be created.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// The payload does not fit the declared type.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// No state of this type is provided. The service does not start then, so no push has this error.
    #[error("no state of type {0} is provided: add `.state(…)` in main.rs")]
    MissingState(&'static str),
}

/// An argument of a handler: [`Message`], [`Context`] or [`State`].
#[diagnostic::on_unimplemented(
    message = "a handler cannot take `{Self}` as an argument",
    note = "handlers take `Message<T>`, `Context` and `State<S>`, in any order"
)]
pub trait FromInput: Sized + Send + 'static {
    /// Takes this argument from the input.
    ///
    /// # Errors
    /// If the payload does not fit its type.
    fn from_input(input: &Input) -> Result<Self, InputError>;

    /// Returns the state of this argument, so that its absence is found at start.
    #[must_use]
    fn state() -> Option<StateType> {
        None
    }

    /// Returns the payload type of this argument, for documents.
    #[must_use]
    fn payload() -> Option<PayloadType> {
        None
    }
}

/// The states and payloads among the types of a handler's arguments.
#[derive(Clone, Debug, Default)]
pub struct Signature {
    pub(crate) states: Vec<StateType>,
    pub(crate) payloads: Vec<PayloadType>,
}

impl Signature {
    fn with<A: FromInput>(mut self) -> Self {
        self.states.extend(A::state());
        self.payloads.extend(A::payload());
        self
    }
}

impl<T: Payload> FromInput for Message<T> {
    fn from_input(input: &Input) -> Result<Self, InputError> {
        Ok(Self(T::decode(&input.data, &input.context.attributes)?))
    }

    fn payload() -> Option<PayloadType> {
        Some(PayloadType::of::<T>())
    }
}

impl FromInput for Context {
    fn from_input(input: &Input) -> Result<Self, InputError> {
        Ok(input.context.clone())
    }
}

impl<S: Send + Sync + 'static> FromInput for State<S> {
    fn from_input(input: &Input) -> Result<Self, InputError> {
        input
            .states
            .get()
            .ok_or(InputError::MissingState(StateType::of::<S>().name))
    }

    fn state() -> Option<StateType> {
        Some(StateType::of::<S>())
    }
}

/// The outcome of a run, or the reason why there is none.
pub(crate) type HandlerResult = Result<Outcome, NoOutcome>;

/// The reason why a run has no outcome.
#[derive(Debug)]
pub(crate) enum NoOutcome {
    /// The handler was not called.
    Input(InputError),
    /// The handler runs elsewhere and was cut off. Like that of a panic, its effect is not known.
    CutOff(String),
}

impl From<InputError> for NoOutcome {
    fn from(error: InputError) -> Self {
        Self::Input(error)
    }
}

/// A handler with its argument types erased. Arguments are created inside the run, so that a panic while a payload is decoded is
/// caught, too.
#[derive(Clone)]
pub(crate) enum Work {
    /// An `async` handler, which runs on the executor.
    Async(Arc<dyn Fn(Input) -> BoxFuture<'static, HandlerResult> + Send + Sync>),
    /// A handler that blocks its thread while it waits, which runs on the blocking pool.
    Blocking(Arc<dyn Fn(&Input) -> HandlerResult + Send + Sync>),
    /// A handler that computes, which runs on as many threads as there are cores.
    Cpu(Arc<dyn Fn(&Input) -> HandlerResult + Send + Sync>),
}

/// A function of up to four arguments. The declaration checks its bounds one by one, so that the compiler names the wrong argument,
/// derive or return value.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    note = "a handler is a function of one to four arguments, each `Message<T>`, `Context` or `State<S>`"
)]
pub trait Handler<Arguments>: Send + Sync + 'static {
    /// The value that the function returns: a future, if it is `async`.
    type Answer;

    /// Calls the function.
    fn call(&self, arguments: Arguments) -> Self::Answer;
}

/// The arguments of a handler, each of which is [`FromInput`].
#[diagnostic::on_unimplemented(
    message = "a handler cannot take the arguments `{Self}`",
    note = "handlers take one to four arguments, each `Message<T>`, `Context` or `State<S>`"
)]
pub trait Arguments: Sized + Send + 'static {
    /// Takes all arguments from the input.
    ///
    /// # Errors
    /// If the payload does not fit its type.
    fn from_input(input: &Input) -> Result<Self, InputError>;

    /// Returns the states and payloads among the arguments.
    #[must_use]
    fn signature() -> Signature;
}

/// The return value of an `async` handler: a future of its outcome.
#[diagnostic::on_unimplemented(
    message = "an async handler returns a future, and this one returns `{Self}`",
    note = "make the handler an `async fn`; or declare a plain `fn` with `Subscriber::blocking` if it waits, and with `Subscriber::cpu` if it computes"
)]
pub trait AsyncAnswer: Future<Output = Self::Reply> {
    /// The output of the future.
    type Reply;
}

#[diagnostic::do_not_recommend]
impl<F: Future> AsyncAnswer for F {
    type Reply = F::Output;
}

macro_rules! handlers {
    ($($argument:ident),*) => {
        impl<Function, Answer, $($argument),*> Handler<($($argument,)*)> for Function
        where
            Function: Fn($($argument),*) -> Answer + Send + Sync + 'static,
        {
            type Answer = Answer;

            #[expect(non_snake_case, reason = "values are named after their types")]
            fn call(&self, ($($argument,)*): ($($argument,)*)) -> Answer {
                self($($argument),*)
            }
        }

        impl<$($argument: FromInput),*> Arguments for ($($argument,)*) {
            fn from_input(input: &Input) -> Result<Self, InputError> {
                Ok(($($argument::from_input(input)?,)*))
            }

            fn signature() -> Signature {
                Signature::default()$(.with::<$argument>())*
            }
        }
    };
}

handlers!(A);
handlers!(A, B);
handlers!(A, B, C);
handlers!(A, B, C, D);

impl Work {
    pub(crate) fn of_async<A, H>(handler: H) -> Self
    where
        A: Arguments,
        H: Handler<A>,
        H::Answer: AsyncAnswer + Send + 'static,
        <H::Answer as AsyncAnswer>::Reply: IntoOutcome,
    {
        let handler = Arc::new(handler);
        Self::Async(Arc::new(move |input: Input| {
            let handler = Arc::clone(&handler);
            let span = input.span();
            let run = async move {
                let arguments = A::from_input(&input)?;
                drop(input);
                Ok(handler.call(arguments).await.into_outcome())
            };
            Box::pin(run.instrument(span))
        }))
    }
}

/// Makes a handler for a thread a function of the input.
pub(crate) fn plain<A, H>(handler: H) -> Arc<dyn Fn(&Input) -> HandlerResult + Send + Sync>
where
    A: Arguments,
    H: Handler<A>,
    H::Answer: IntoOutcome,
{
    Arc::new(move |input| {
        input.span().in_scope(|| {
            let arguments = A::from_input(input)?;
            Ok(handler.call(arguments).into_outcome())
        })
    })
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind, take_hook};

    use futures_util::FutureExt;
    use serde_json::Value;
    use tracing::subscriber::{set_default, with_default};

    use super::*;
    use crate::subscriber::Subscriber;
    use crate::telemetry::captured::Captured;
    use crate::telemetry::{self, hide_panic_messages};

    /// Compiles handlers with one mistake each, and compares the compiler's output with the files beside them. After a change of either, `TRYBUILD=overwrite cargo nextest run -p pushgate --all-features -E 'test(mistake)'` writes them.
    #[test]
    fn the_compiler_names_the_mistake_in_a_handler() {
        trybuild::TestCases::new().compile_fail("tests/mistakes/*.rs");
    }

    fn input() -> Input {
        let mut context = Context::for_test("7");
        context.trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
            .parse()
            .ok();
        Input {
            data: Bytes::new(),
            context,
            states: States::default(),
        }
    }

    /// Returns the messages of lines, which must have the fields of the message.
    fn messages(lines: &[Value]) -> Vec<&str> {
        for line in lines {
            assert_eq!(line["subscription"], "projects/test/subscriptions/test");
            assert_eq!(line["message_id"], "7");
            assert_eq!(line["delivery_attempt"], 1);
            assert_eq!(
                line["logging.googleapis.com/trace"],
                "projects/test/traces/4bf92f3577b34da6a3ce929d0e0e4736"
            );
        }
        lines
            .iter()
            .filter_map(|line| line["message"].as_str())
            .collect()
    }

    async fn waits(_: Context) {
        tracing::info!("begun");
        let task = async { tracing::info!("in a task") };
        let _ = tokio::spawn(task.in_current_span()).await;
        tracing::info!("after waiting");
    }

    async fn panics_later(_: Context) {
        tokio::task::yield_now().await;
        panic!("hush");
    }

    fn panics(_: Context) {
        tracing::info!("begun");
        panic!("hush");
    }

    #[tokio::test]
    async fn the_lines_of_an_async_handler_carry_the_delivery() {
        let Work::Async(run) = Subscriber::new("test", waits).work else {
            panic!("not async");
        };
        let captured = Captured::default();
        let logging = set_default(captured.json());
        for _attempt_in_process in 0..2 {
            assert!(run(input()).await.is_ok());
        }
        tracing::info!("elsewhere");
        drop(logging);
        let mut lines = captured.lines();
        let elsewhere = lines.pop().expect("a line");
        assert_eq!(elsewhere["subscription"], Value::Null);
        let once = ["begun", "in a task", "after waiting"];
        assert_eq!(messages(&lines), [once, once].concat());
    }

    #[test]
    fn the_lines_of_a_handler_on_a_thread_carry_the_delivery() {
        hide_panic_messages();
        for subscriber in [
            Subscriber::blocking("test", panics),
            Subscriber::cpu("test", panics),
        ] {
            let (Work::Blocking(run) | Work::Cpu(run)) = subscriber.work else {
                panic!("async");
            };
            let captured = Captured::default();
            let run = || catch_unwind(AssertUnwindSafe(|| run(&input())));
            assert!(with_default(captured.json(), run).is_err());
            let lines = captured.lines();
            let [begun, panicked] = messages(&lines)[..] else {
                panic!("two lines, not {lines:?}");
            };
            assert_eq!(begun, "begun");
            assert!(
                panicked.starts_with("panic at src/handler/mod.rs"),
                "{panicked}"
            );
            assert_eq!(lines[1]["severity"], "ERROR");
        }
        drop(take_hook());
    }

    #[test]
    fn a_filter_of_other_targets_keeps_the_fields_of_handlers() {
        for (directives, is_there) in [
            ("mine=debug", true),
            ("error", true),
            ("pushgate=off,info", true),
            ("off", false),
        ] {
            let filter = telemetry::filter(directives).expect("directives");
            let log = tracing_subscriber::fmt()
                .with_env_filter(telemetry::with_handlers(filter))
                .with_writer(std::io::sink)
                .finish();
            let is_disabled = with_default(log, || input().span().is_disabled());
            assert_eq!(!is_disabled, is_there, "{directives}");
        }
    }

    #[tokio::test]
    async fn the_panic_of_an_async_handler_carries_the_delivery() {
        hide_panic_messages();
        let Work::Async(run) = Subscriber::new("test", panics_later).work else {
            panic!("not async");
        };
        let captured = Captured::default();
        let logging = set_default(captured.json());
        let ended = AssertUnwindSafe(run(input())).catch_unwind().await;
        drop((logging, take_hook()));
        assert!(ended.is_err());
        let lines = captured.lines();
        assert!(messages(&lines)[0].starts_with("panic at src/handler/mod.rs"));
    }
}
