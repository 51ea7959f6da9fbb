//! The roles without which pushes and dead letters are rejected (Google, *Authenticate push subscriptions*, *Handle message
//! failures*): each for the account and the resource that need it.

use super::needed::{Holder, Role, needed};
use super::resource::{Known, Resource, is_id, is_same_project};
use super::stack::{SERVICE, Stack};
use crate::check::finding::Finding;
use crate::check::rules::PLAN_ROLE;
use crate::subscriber::Subscriber;

/// Members that stand for all callers (Google, *Binding*, `members`).
const EVERYBODY: [&str; 2] = ["allUsers", "allAuthenticatedUsers"];

pub(super) fn findings(stack: &Stack<'_>, subscribers: &[Subscriber]) -> Vec<Finding> {
    let needed = needed(stack, subscribers);
    let number = agents_number(stack, &needed);
    let findings = needed.iter().filter_map(|role| {
        let what = match stack.find(role.resource, role.index) {
            None => format!("the plan or state does not grant {}", role.role),
            Some(given) => role_of(given, role)
                .or_else(|| member_of(stack, given, role, number))
                .or_else(|| place_of(stack, given, role))?,
        };
        let subject = stack.address(role.resource, role.index);
        let fix = format!(
            "grant {} as terraform/identity.tf does, and apply",
            role.role
        );
        Some(PLAN_ROLE.found(subject, what, fix).because(role.why))
    });
    findings.collect()
}

fn role_of(given: &Resource, needed: &Role<'_>) -> Option<String> {
    let is_other = given.text("/role")? != needed.role;
    is_other.then(|| {
        let shown = given.shown("/role");
        format!("the role is {shown}, expected {}", needed.role)
    })
}

fn member_of(
    stack: &Stack<'_>,
    given: &Resource,
    needed: &Role<'_>,
    number: Option<&str>,
) -> Option<String> {
    let member = given.text("/member")?;
    let expected = match needed.holder {
        Holder::Agent(domain) => match (project_number(member, domain), number) {
            (Some(found), Some(number)) if found != number => {
                format!("service-{number}@{domain}, as for the other roles")
            }
            (Some(_), _) => return None,
            (None, _) => format!("Google's own account, service-PROJECT_NUMBER@{domain}"),
        },
        Holder::Account(email) => other_than(member, Some(email))?,
        Holder::Stacks(name) => other_than(member, email(stack, name))?,
    };
    let shown = given.shown("/member");
    Some(format!("the member is {shown}, expected {expected}"))
}

/// Returns the expected member, if it is known to be another one. All callers are never expected.
fn other_than(member: &str, email: Known<&str>) -> Option<String> {
    let expected = email.map(|email| format!("serviceAccount:{email}"));
    match expected {
        Some(expected) => (!member.eq_ignore_ascii_case(&expected)).then_some(expected),
        None => EVERYBODY
            .contains(&member)
            .then(|| "one service account alone".into()),
    }
}

/// Returns the number of the project in which this agent acts.
fn project_number<'a>(member: &'a str, domain: &str) -> Option<&'a str> {
    let agent = member.strip_prefix("serviceAccount:service-")?;
    let number = agent.strip_suffix(domain)?.strip_suffix('@')?;
    let is_number = !number.is_empty() && number.bytes().all(|each| each.is_ascii_digit());
    is_number.then_some(number)
}

/// Returns the number of the project to which most agents belong; all must belong to one.
fn agents_number<'a>(stack: &Stack<'a>, needed: &[Role<'_>]) -> Option<&'a str> {
    let numbers: Vec<&str> = needed
        .iter()
        .filter_map(|role| match role.holder {
            Holder::Agent(domain) => {
                let given = stack.find(role.resource, role.index)?;
                project_number(given.text("/member")?, domain)
            }
            _ => None,
        })
        .collect();
    let count = |number: &str| numbers.iter().filter(|each| **each == number).count();
    numbers.iter().copied().max_by_key(|number| count(number))
}

fn place_of(stack: &Stack<'_>, given: &Resource, needed: &Role<'_>) -> Option<String> {
    let (pointer, id) = needed.place;
    let expected = match needed.resource.0 {
        "google_cloud_run_v2_service_iam_member" => stack.find(SERVICE, "")?.text("/name")?,
        "google_service_account_iam_member" if id.is_empty() => email(stack, "push")?,
        _ => id,
    };
    if !pointer.is_empty() && !expected.is_empty() && !is_id(given.text(pointer)?, expected) {
        let name = pointer.trim_start_matches('/');
        let shown = given.shown(pointer);
        return Some(format!("its {name} is {shown}, expected {expected:?}"));
    }
    let project = given.text("/project")?;
    let expected = stack.find(SERVICE, "")?.text("/project")?;
    (!is_same_project(project, expected)).then(|| {
        let shown = given.shown("/project");
        format!("its project is {shown}, and that of the service {expected:?}")
    })
}

/// Returns the e-mail of one of the stack's own accounts, `push` or `service`.
fn email<'a>(stack: &Stack<'a>, name: &'static str) -> Known<&'a str> {
    let account = stack.find(("google_service_account", name), "")?;
    account.text("/email").filter(|email| !email.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::Plan;
    use crate::{Context, Subscriber};

    const ACCOUNT: &str = "other@shop.iam.gserviceaccount.com";
    const AGENT: &str = "serviceAccount:service-1@gcp-sa-pubsub.iam.gserviceaccount.com";

    fn resource(kind: &str, name: &str, index: &str, values: Value) -> Value {
        let index = if index.is_empty() {
            Value::Null
        } else {
            json!(index)
        };
        json!({"address": format!("{kind}.{name}"), "mode": "managed", "type": kind, "name": name, "index": index, "values": values})
    }

    /// Checks the findings if one argument of a state with a declared account and a trigger is changed.
    fn check(name: &str, argument: &str, value: &str, expected: &[&str]) {
        let account = format!("serviceAccount:{ACCOUNT}");
        let creator = json!({"role": "roles/iam.serviceAccountTokenCreator", "member": AGENT,
            "service_account_id": format!("projects/-/serviceAccounts/{ACCOUNT}")});
        let invoker = json!({"role": "roles/run.invoker", "member": account, "name": "pushgate"});
        let receiver = json!({"role": "roles/eventarc.eventReceiver", "member": account});
        let own = json!({"role": "roles/eventarc.eventReceiver", "member": "serviceAccount:push@shop.iam.gserviceaccount.com"});
        let push = json!({"email": "push@shop.iam.gserviceaccount.com"});
        let of_accounts = "google_service_account_iam_member";
        let of_run = "google_cloud_run_v2_service_iam_member";
        let of_project = "google_project_iam_member";
        let mut resources = vec![
            resource(
                "google_cloud_run_v2_service",
                "service",
                "",
                json!({"name": "pushgate"}),
            ),
            resource("google_service_account", "push", "", push),
            resource(of_accounts, "declared_token_creator", ACCOUNT, creator),
            resource(of_run, "declared_push_invoker", ACCOUNT, invoker),
            resource(of_project, "event_receiver", ACCOUNT, receiver),
            resource(of_project, "event_receiver", "push", own),
        ];
        for each in &mut resources {
            each["address"] = json!(format!("{}{}", each["address"], each["index"]));
            if each["name"] == name {
                each["values"][argument] = json!(value);
            }
        }
        let state = json!({"values": {"root_module": {"resources": resources}}});
        let subscriber = |id| Subscriber::new(id, async |_: Context| ()).topic("orders");
        let subscribers = [
            subscriber("orders-mail").callers([ACCOUNT]),
            subscriber("orders-events").callers([ACCOUNT]).eventarc(),
            subscriber("orders-own").eventarc(),
        ];
        let plan = Plan::read(state.to_string().as_bytes()).expect("a state");
        let found = plan.findings(&subscribers);
        let texts: Vec<String> = found
            .iter()
            .filter(|each| each.rule == "plan-role")
            .filter(|each| each.subject.contains(".declared_") || each.subject.contains("event_"))
            .map(|each| format!("{}: {}", each.subject, each.what))
            .collect();
        assert_eq!(texts.len(), expected.len(), "{texts:?}");
        for (text, expected) in texts.iter().zip(expected) {
            assert!(text.contains(expected), "{text} does not say {expected}");
        }
    }

    #[test]
    fn a_complete_plan_lacks_no_role() {
        check("", "", "", &[]);
    }

    #[test]
    fn declared_accounts_need_their_roles() {
        let creator = "declared_token_creator";
        check(creator, "role", "roles/viewer", &["the role is"]);
        check(creator, "member", "allUsers", &["the member is"]);
        let other = "projects/-/serviceAccounts/push@shop.iam.gserviceaccount.com";
        check(creator, "service_account_id", other, &[ACCOUNT]);
        let invoker = "declared_push_invoker";
        check(invoker, "member", "allUsers", &[ACCOUNT]);
        check(invoker, "name", "other", &["its name is"]);
    }

    #[test]
    fn declared_triggers_need_their_roles() {
        let receiver = "event_receiver";
        let both = ["event_receiver", "expected serviceAccount:push@shop"];
        check(receiver, "member", "allUsers", &both);
        let both = ["event_receiver", "event_receiver"];
        check(receiver, "role", "roles/viewer", &both);
    }
}
