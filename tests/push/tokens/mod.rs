//! Tokens that must be refused. Each differs from a valid one only in the way that its name says.

mod algorithms;
mod claims;
mod encodings;
mod forgeries;
mod headers;
mod logs;
mod signatures;
mod values;
mod wire;

use crate::harness::mint::RsaKey;
use crate::harness::probe::task;
use crate::harness::{Service, client, reply};

/// A token with the expected reply.
struct Case {
    name: String,
    token: String,
    status: u16,
}

/// A token that proves nothing.
fn refused(name: impl Into<String>, token: impl Into<String>) -> Case {
    Case {
        name: name.into(),
        token: token.into(),
        status: 401,
    }
}

/// A valid token of a caller that may not push.
fn forbidden(name: impl Into<String>, token: impl Into<String>) -> Case {
    Case {
        status: 403,
        ..refused(name, token)
    }
}

/// A token that differs from a valid one in nothing that matters. It proves that refusals beside it have another reason.
fn accepted(name: impl Into<String>, token: impl Into<String>) -> Case {
    Case {
        status: 204,
        ..refused(name, token)
    }
}

/// Pushes each token, and fails with all wrong replies. Only accepted tokens may reach the handler.
async fn check(service: &Service, key: &RsaKey, cases: Vec<Case>) {
    let client = client();
    let mut surprises = Vec::new();
    let mut runs = service.runs();
    for case in &cases {
        let request = client.post(&service.url).bearer_auth(&case.token);
        let request = request.body(service.message(task::SUCCEED).body());
        let reply = reply(request.send().await.expect("an answer")).await;
        runs += usize::from(case.status == 204);
        if (reply.status, reply.body.as_str()) != (case.status, "") {
            surprises.push(format!("{}: {reply:?}", case.name));
        }
    }
    assert!(surprises.is_empty(), "{surprises:#?}");
    assert_eq!(
        service.runs(),
        runs,
        "only accepted tokens reach the handler"
    );
    let message = service.message(task::SUCCEED);
    assert_eq!(service.push_with(&message, &key.good()).await.status, 204);
}
