//! Generates the gRPC servers of Google's four services for existing message types, so that neither protoc nor `.proto`
//! files are needed.

use tonic_build::manual::{Builder, Method, MethodBuilder, Service};

const PUBSUB: &str = "googleapis_tonic_google_pubsub_v1::google::pubsub::v1";
const IAM: &str = "googleapis_tonic_google_iam_v1::google::iam::v1";
/// The response of an RPC without one: *google.protobuf.Empty*, which prost has no struct for.
const EMPTY: &str = "crate::api::grpc::Empty";

/// A method, its request and its response. Without a response it is empty.
type Rpc = (&'static str, &'static str, &'static str);

const PUBLISHER: [Rpc; 9] = [
    ("CreateTopic", "Topic", "Topic"),
    ("UpdateTopic", "UpdateTopicRequest", "Topic"),
    ("Publish", "PublishRequest", "PublishResponse"),
    ("GetTopic", "GetTopicRequest", "Topic"),
    ("ListTopics", "ListTopicsRequest", "ListTopicsResponse"),
    (
        "ListTopicSubscriptions",
        "ListTopicSubscriptionsRequest",
        "ListTopicSubscriptionsResponse",
    ),
    (
        "ListTopicSnapshots",
        "ListTopicSnapshotsRequest",
        "ListTopicSnapshotsResponse",
    ),
    ("DeleteTopic", "DeleteTopicRequest", ""),
    (
        "DetachSubscription",
        "DetachSubscriptionRequest",
        "DetachSubscriptionResponse",
    ),
];

const SUBSCRIBER: [Rpc; 16] = [
    ("CreateSubscription", "Subscription", "Subscription"),
    ("GetSubscription", "GetSubscriptionRequest", "Subscription"),
    (
        "UpdateSubscription",
        "UpdateSubscriptionRequest",
        "Subscription",
    ),
    (
        "ListSubscriptions",
        "ListSubscriptionsRequest",
        "ListSubscriptionsResponse",
    ),
    ("DeleteSubscription", "DeleteSubscriptionRequest", ""),
    ("ModifyAckDeadline", "ModifyAckDeadlineRequest", ""),
    ("Acknowledge", "AcknowledgeRequest", ""),
    ("Pull", "PullRequest", "PullResponse"),
    (
        "StreamingPull",
        "StreamingPullRequest",
        "StreamingPullResponse",
    ),
    ("ModifyPushConfig", "ModifyPushConfigRequest", ""),
    ("GetSnapshot", "GetSnapshotRequest", "Snapshot"),
    (
        "ListSnapshots",
        "ListSnapshotsRequest",
        "ListSnapshotsResponse",
    ),
    ("CreateSnapshot", "CreateSnapshotRequest", "Snapshot"),
    ("UpdateSnapshot", "UpdateSnapshotRequest", "Snapshot"),
    ("DeleteSnapshot", "DeleteSnapshotRequest", ""),
    ("Seek", "SeekRequest", "SeekResponse"),
];

const SCHEMA_SERVICE: [Rpc; 10] = [
    ("CreateSchema", "CreateSchemaRequest", "Schema"),
    ("GetSchema", "GetSchemaRequest", "Schema"),
    ("ListSchemas", "ListSchemasRequest", "ListSchemasResponse"),
    (
        "ListSchemaRevisions",
        "ListSchemaRevisionsRequest",
        "ListSchemaRevisionsResponse",
    ),
    ("CommitSchema", "CommitSchemaRequest", "Schema"),
    ("RollbackSchema", "RollbackSchemaRequest", "Schema"),
    (
        "DeleteSchemaRevision",
        "DeleteSchemaRevisionRequest",
        "Schema",
    ),
    ("DeleteSchema", "DeleteSchemaRequest", ""),
    (
        "ValidateSchema",
        "ValidateSchemaRequest",
        "ValidateSchemaResponse",
    ),
    (
        "ValidateMessage",
        "ValidateMessageRequest",
        "ValidateMessageResponse",
    ),
];

const IAM_POLICY: [Rpc; 3] = [
    ("SetIamPolicy", "SetIamPolicyRequest", "Policy"),
    ("GetIamPolicy", "GetIamPolicyRequest", "Policy"),
    (
        "TestIamPermissions",
        "TestIamPermissionsRequest",
        "TestIamPermissionsResponse",
    ),
];

fn main() {
    Builder::new().build_client(false).compile(&[
        service("google.pubsub.v1", "Publisher", PUBSUB, &PUBLISHER),
        service("google.pubsub.v1", "Subscriber", PUBSUB, &SUBSCRIBER),
        service("google.pubsub.v1", "SchemaService", PUBSUB, &SCHEMA_SERVICE),
        service("google.iam.v1", "IAMPolicy", IAM, &IAM_POLICY),
    ]);
}

fn service(package: &str, name: &str, messages: &str, rpcs: &[Rpc]) -> Service {
    let mut service = Service::builder().name(name).package(package);
    for (name, request, answer) in rpcs {
        let answer = match *answer {
            "" => EMPTY.to_owned(),
            answer => format!("{messages}::{answer}"),
        };
        let method = Method::builder()
            .name(snake_case(name))
            .route_name(name)
            .input_type(format!("{messages}::{request}"))
            .output_type(answer)
            .codec_path("crate::api::codec::RequestCodec");
        service = service.method(streaming(name, method).build());
    }
    service.build()
}

/// Only one RPC streams, in both directions.
fn streaming(name: &str, method: MethodBuilder) -> MethodBuilder {
    match name {
        "StreamingPull" => method.client_streaming().server_streaming(),
        _ => method,
    }
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}
