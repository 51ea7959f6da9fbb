//! The table of routes (Google, *Cloud Pub/Sub API*, REST reference).
//!
//! A line has the method, the path, the body (`*` the whole request, `-` none, or one field), and the RPC.

use axum::http::Method;

use super::route::{Body, Route, read, reply};
use crate::api::grpc::Api;
use crate::descriptor::{IAM, PUBSUB};

macro_rules! body {
    (*) => {
        Body::Whole
    };
    (-) => {
        Body::None
    };
    ($field:ident) => {
        Body::Field(stringify!($field))
    };
}

macro_rules! routes {
    ($package:expr; $($method:ident $template:literal $body:tt $rpc:ident($request:ident) -> $answer:ident,)*) => {
        vec![$(Route::new(
            Method::$method,
            $template,
            body!($body),
            (full_name($package, stringify!($request)), full_name($package, stringify!($answer))),
            |api, message| Box::pin(async move { reply(api.$rpc(read(&message)?).await) }),
        ),)*]
    };
}

pub(super) fn all<S: Api>() -> Vec<Route<S>> {
    let mut routes = publisher();
    routes.extend(subscriber());
    routes.extend(snapshots());
    routes.extend(schemas());
    routes.extend(policies());
    routes
}

fn publisher<S: Api>() -> Vec<Route<S>> {
    routes! { PUBSUB;
        PUT "{name=projects/*/topics/*}" * create_topic(Topic) -> Topic,
        PATCH "{topic.name=projects/*/topics/*}" * update_topic(UpdateTopicRequest) -> Topic,
        POST "{topic=projects/*/topics/*}:publish" * publish(PublishRequest) -> PublishResponse,
        GET "{topic=projects/*/topics/*}" - get_topic(GetTopicRequest) -> Topic,
        GET "{project=projects/*}/topics" - list_topics(ListTopicsRequest) -> ListTopicsResponse,
        GET "{topic=projects/*/topics/*}/subscriptions" -
            list_topic_subscriptions(ListTopicSubscriptionsRequest) -> ListTopicSubscriptionsResponse,
        GET "{topic=projects/*/topics/*}/snapshots" -
            list_topic_snapshots(ListTopicSnapshotsRequest) -> ListTopicSnapshotsResponse,
        DELETE "{topic=projects/*/topics/*}" - delete_topic(DeleteTopicRequest) -> Empty,
        POST "{subscription=projects/*/subscriptions/*}:detach" -
            detach_subscription(DetachSubscriptionRequest) -> DetachSubscriptionResponse,
    }
}

fn subscriber<S: Api>() -> Vec<Route<S>> {
    routes! { PUBSUB;
        PUT "{name=projects/*/subscriptions/*}" * create_subscription(Subscription) -> Subscription,
        GET "{subscription=projects/*/subscriptions/*}" - get_subscription(GetSubscriptionRequest) -> Subscription,
        PATCH "{subscription.name=projects/*/subscriptions/*}" *
            update_subscription(UpdateSubscriptionRequest) -> Subscription,
        GET "{project=projects/*}/subscriptions" -
            list_subscriptions(ListSubscriptionsRequest) -> ListSubscriptionsResponse,
        DELETE "{subscription=projects/*/subscriptions/*}" - delete_subscription(DeleteSubscriptionRequest) -> Empty,
        POST "{subscription=projects/*/subscriptions/*}:modifyAckDeadline" *
            modify_ack_deadline(ModifyAckDeadlineRequest) -> Empty,
        POST "{subscription=projects/*/subscriptions/*}:acknowledge" * acknowledge(AcknowledgeRequest) -> Empty,
        POST "{subscription=projects/*/subscriptions/*}:pull" * pull(PullRequest) -> PullResponse,
        POST "{subscription=projects/*/subscriptions/*}:modifyPushConfig" *
            modify_push_config(ModifyPushConfigRequest) -> Empty,
        POST "{subscription=projects/*/subscriptions/*}:seek" * seek(SeekRequest) -> SeekResponse,
    }
}

fn snapshots<S: Api>() -> Vec<Route<S>> {
    routes! { PUBSUB;
        GET "{snapshot=projects/*/snapshots/*}" - get_snapshot(GetSnapshotRequest) -> Snapshot,
        GET "{project=projects/*}/snapshots" - list_snapshots(ListSnapshotsRequest) -> ListSnapshotsResponse,
        PUT "{name=projects/*/snapshots/*}" * create_snapshot(CreateSnapshotRequest) -> Snapshot,
        PATCH "{snapshot.name=projects/*/snapshots/*}" * update_snapshot(UpdateSnapshotRequest) -> Snapshot,
        DELETE "{snapshot=projects/*/snapshots/*}" - delete_snapshot(DeleteSnapshotRequest) -> Empty,
    }
}

fn schemas<S: Api>() -> Vec<Route<S>> {
    routes! { PUBSUB;
        POST "{parent=projects/*}/schemas" schema create_schema(CreateSchemaRequest) -> Schema,
        GET "{name=projects/*/schemas/*}" - get_schema(GetSchemaRequest) -> Schema,
        GET "{parent=projects/*}/schemas" - list_schemas(ListSchemasRequest) -> ListSchemasResponse,
        GET "{name=projects/*/schemas/*}:listRevisions" -
            list_schema_revisions(ListSchemaRevisionsRequest) -> ListSchemaRevisionsResponse,
        POST "{name=projects/*/schemas/*}:commit" * commit_schema(CommitSchemaRequest) -> Schema,
        POST "{name=projects/*/schemas/*}:rollback" * rollback_schema(RollbackSchemaRequest) -> Schema,
        DELETE "{name=projects/*/schemas/*}:deleteRevision" -
            delete_schema_revision(DeleteSchemaRevisionRequest) -> Schema,
        DELETE "{name=projects/*/schemas/*}" - delete_schema(DeleteSchemaRequest) -> Empty,
        POST "{parent=projects/*}/schemas:validate" * validate_schema(ValidateSchemaRequest) -> ValidateSchemaResponse,
        POST "{parent=projects/*}/schemas:validateMessage" *
            validate_message(ValidateMessageRequest) -> ValidateMessageResponse,
    }
}

fn policies<S: Api>() -> Vec<Route<S>> {
    routes! { IAM;
        GET "{resource=projects/*/topics/*}:getIamPolicy" - get_iam_policy(GetIamPolicyRequest) -> Policy,
        GET "{resource=projects/*/subscriptions/*}:getIamPolicy" - get_iam_policy(GetIamPolicyRequest) -> Policy,
        GET "{resource=projects/*/snapshots/*}:getIamPolicy" - get_iam_policy(GetIamPolicyRequest) -> Policy,
        GET "{resource=projects/*/schemas/*}:getIamPolicy" - get_iam_policy(GetIamPolicyRequest) -> Policy,
        POST "{resource=projects/*/topics/*}:setIamPolicy" * set_iam_policy(SetIamPolicyRequest) -> Policy,
        POST "{resource=projects/*/subscriptions/*}:setIamPolicy" * set_iam_policy(SetIamPolicyRequest) -> Policy,
        POST "{resource=projects/*/snapshots/*}:setIamPolicy" * set_iam_policy(SetIamPolicyRequest) -> Policy,
        POST "{resource=projects/*/schemas/*}:setIamPolicy" * set_iam_policy(SetIamPolicyRequest) -> Policy,
        POST "{resource=projects/*/topics/*}:testIamPermissions" *
            test_iam_permissions(TestIamPermissionsRequest) -> TestIamPermissionsResponse,
        POST "{resource=projects/*/subscriptions/*}:testIamPermissions" *
            test_iam_permissions(TestIamPermissionsRequest) -> TestIamPermissionsResponse,
        POST "{resource=projects/*/snapshots/*}:testIamPermissions" *
            test_iam_permissions(TestIamPermissionsRequest) -> TestIamPermissionsResponse,
        POST "{resource=projects/*/schemas/*}:testIamPermissions" *
            test_iam_permissions(TestIamPermissionsRequest) -> TestIamPermissionsResponse,
    }
}

fn full_name(package: &str, name: &str) -> String {
    match name {
        "Empty" => "google.protobuf.Empty".to_owned(),
        _ => format!("{package}.{name}"),
    }
}
